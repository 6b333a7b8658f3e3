import { objectPrefix } from '@darkroom/contract';
import type { FrontendStore, UploadStore } from '@darkroom/generations';
import type { Logger, Metrics } from '@darkroom/lifecycle';
import type { ObjectStore } from '@darkroom/storage';
import { sleep } from '@darkroom/timing';
import { collectUploads } from './uploads.ts';

type Services = {
  store: Pick<FrontendStore, 'hideOld' | 'takeHidden' | 'forget'>;
  objects: Pick<ObjectStore, 'list' | 'remove'>;
};

/** How long results are kept, and how those that are hidden are removed. */
export type RetentionOptions = Services & {
  store: Pick<UploadStore, 'takeUnusedUploads' | 'forgetUploads'>;
  logger: Logger;
  metrics: Metrics;
  /** How long a finished generation is kept, in hours; null: for ever. */
  ttlHours: number | null;
  /** Between two rounds; each waits between half and one and a half of it. */
  intervalMs?: number;
  /**
   * How long after it was hidden a record goes, objects first: longer than any lease, so that what
   * a lost worker stores late is found as well.
   */
  graceMs?: number;
  /** How long an upload that no generation names is kept. @default 24 hours */
  unusedUploadMs?: number;
};

/** Records at most in one statement of the store. */
const BATCH = 500;

/** Records that are hidden before the objects of the first of them are removed. */
const HIDDEN_FIRST = 10_000;

/** Generations whose objects are removed at once; callers' pictures need connections as well. */
const PARALLEL = 32;

const HOUR_MS = 3_600_000;

/** Collects what has outlived its time or was deleted, on every replica. */
export function startRetention(options: RetentionOptions): { stop(): Promise<void> } {
  const { logger, metrics, ttlHours, intervalMs = 60_000, graceMs = 600_000 } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const collected = metrics.meter.createCounter('darkroom_generations_collected_total', {
    description: 'Generations removed with their pictures, after their time or on request.',
  });
  const uploadsCollected = metrics.meter.createCounter('darkroom_uploads_collected_total', {
    description: 'Uploads removed that no generation names.',
  });
  const ttlMs = ttlHours === null ? null : ttlHours * HOUR_MS;

  const run = async () => {
    while (!signal.aborted) {
      try {
        const count = await collectOnce({ ...options, ttlMs, graceMs, signal });
        collected.add(count);
        if (count > 0) logger.info({ count }, 'old generations collected');
        // After them: what only they named is unused now.
        const unusedMs = options.unusedUploadMs ?? 24 * HOUR_MS;
        const uploads = await collectUploads({ ...options, unusedMs, signal });
        uploadsCollected.add(uploads);
        if (uploads > 0) logger.info({ count: uploads }, 'unused uploads collected');
      } catch (error) {
        logger.warn({ err: error }, 'collection broken off; a later round goes on');
      }
      const pauseMs = intervalMs * (0.5 + Math.random());
      await sleep(pauseMs, signal);
    }
  };
  const running = run();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

/**
 * One round: goes on until nothing is left. What has outlived its time is hidden and its objects are
 * removed at once. What was hidden longer ago than the grace goes for good: what was stored late
 * for it, and then the record.
 *
 * @returns how many went for good
 * @throws DarkroomError `unavailable`, after all has been hidden if it is the object store that is
 *   away; what is left is taken up again after the grace
 */
export async function collectOnce(
  options: Services & { ttlMs: number | null; graceMs: number; signal?: AbortSignal },
): Promise<number> {
  const { store, objects, ttlMs, graceMs, signal } = options;
  if (ttlMs !== null) await hideAll({ store, objects, ttlMs, signal });
  let collected = 0;
  for (;;) {
    const hidden = await store.takeHidden({ graceMs, limit: BATCH });
    for (const some of inParts(hidden)) {
      if (signal?.aborted) return collected;
      await removeObjects(some, objects);
      await store.forget(some.map(({ id }) => id));
      collected += some.length;
    }
    if (hidden.length < BATCH) return collected;
  }
}

async function hideAll(
  options: Services & { ttlMs: number; signal: AbortSignal | undefined },
): Promise<void> {
  const { store, objects, ttlMs, signal } = options;
  let failure: unknown;
  for (let isOver = false; !isOver; ) {
    const hidden: Hidden[] = [];
    while (!isOver && hidden.length < HIDDEN_FIRST) {
      const some = await store.hideOld({ ttlMs, limit: BATCH });
      hidden.push(...some);
      isOver = some.length < BATCH || signal?.aborted === true;
    }
    for (const some of inParts(hidden)) {
      if (signal?.aborted || failure !== undefined) break;
      // Without an object store the others are hidden all the same.
      await removeObjects(some, objects).catch((error: unknown) => {
        failure = error;
      });
    }
  }
  if (failure !== undefined) throw failure;
}

type Hidden = { tenant: string; id: string };

function* inParts(records: readonly Hidden[]): Generator<readonly Hidden[]> {
  for (let start = 0; start < records.length; start += PARALLEL) {
    yield records.slice(start, start + PARALLEL);
  }
}

/** Removes all that was ever stored for some generations, what no record names included. */
export async function removeObjects(
  generations: readonly Hidden[],
  objects: Services['objects'],
): Promise<void> {
  const keys = await Promise.all(
    generations.map((generation) => objects.list(objectPrefix(generation))),
  );
  await objects.remove(keys.flat());
}
