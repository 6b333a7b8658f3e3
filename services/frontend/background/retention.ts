import { setTimeout as wait } from 'node:timers/promises';
import type { FrontendStore } from '@darkroom/generations';
import type { Logger, Metrics } from '@darkroom/lifecycle';
import type { ObjectStore } from '@darkroom/storage';

type Services = {
  store: Pick<FrontendStore, 'takeOld' | 'forget'>;
  objects: Pick<ObjectStore, 'list' | 'remove'>;
};

/** How long results are kept, and how those that are hidden are let go. */
export type RetentionOptions = Services & {
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
};

/** Records at most in one statement of the store. */
const BATCH = 100;

const HOUR_MS = 3_600_000;

/** Collects what has outlived its time or was deleted, on every replica. */
export function startRetention(options: RetentionOptions): { stop(): Promise<void> } {
  const { logger, metrics, ttlHours, intervalMs = 60_000, graceMs = 600_000 } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const collected = metrics.meter.createCounter('darkroom_generations_collected_total', {
    description: 'Generations removed with their pictures, after their time or on request.',
  });
  const ttlMs = ttlHours === null ? null : ttlHours * HOUR_MS;

  const run = async () => {
    while (!signal.aborted) {
      try {
        const count = await collectOnce({ ...options, ttlMs, graceMs, signal });
        collected.add(count);
        if (count > 0) logger.info({ count }, 'old generations collected');
      } catch (error) {
        logger.warn({ err: error }, 'collection broken off; a later round goes on');
      }
      const pauseMs = intervalMs * (0.5 + Math.random());
      await wait(pauseMs, undefined, { signal }).catch(() => {});
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
 * One round: everything under a record's prefix goes, what no attempt lived to name included, and
 * then the record.
 *
 * @returns how many were collected
 * @throws DarkroomError `unavailable`; what is left is taken up again after the grace
 */
export async function collectOnce(
  options: Services & { ttlMs: number | null; graceMs: number; signal?: AbortSignal },
): Promise<number> {
  const { store, objects, ttlMs, graceMs, signal } = options;
  let collected = 0;
  for (;;) {
    const old = await store.takeOld({ ttlMs, graceMs, limit: BATCH });
    for (const record of old) {
      if (signal?.aborted) return collected;
      await removeObjects(record, objects);
      await store.forget([record.id]);
      collected += 1;
    }
    if (old.length < BATCH) return collected;
  }
}

/** Removes all that was ever stored for a generation. */
export async function removeObjects(
  { tenant, id }: { tenant: string; id: string },
  objects: Services['objects'],
): Promise<void> {
  await objects.remove(await objects.list(`${tenant}/${id}/`));
}
