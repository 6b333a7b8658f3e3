import { MAX_ATTEMPTS } from '@darkroom/contract';
import type { FrontendStore } from '@darkroom/generations';
import { type Logger, type Metrics, noSpans, type Spans } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import { sleep } from '@darkroom/timing';
import { publishRecord } from '../accept/publish.ts';

export type SweepOptions = {
  store: FrontendStore;
  broker: Broker;
  /** The models whose queues are looked after. */
  models: readonly string[];
  logger: Logger;
  metrics: Metrics;
  /** @default none are exported */
  spans?: Spans | undefined;
  /** Between two rounds; each waits between half and one and a half of it. */
  intervalMs?: number;
  /**
   * How long ago a message must have been published to be missed when its queue has fewer messages
   * than requests wait for: after the broker lost its data, for example.
   */
  republishAfterMs?: number;
};

type Failure = { err: unknown; model: string; generationId?: string };

/**
 * After the record was away, leases may have run out whose workers are well. They renew them within
 * this time, in milliseconds: they try again at least every second.
 */
const RENEWAL_MS = 3_000;
const RETRY_MS = 500;

/** Records at most in one statement of the store. */
const BATCH = 100;

/** Repairs in the background what crashes left undone, on every replica. */
export function startSweep(options: SweepOptions): { stop(): Promise<void> } {
  const { store, broker, models, logger, metrics, spans } = options;
  const { intervalMs = 2_000, republishAfterMs = 10_000 } = options;
  const stopping = new AbortController();
  const published = metrics.meter.createCounter('darkroom_sweep_published_total', {
    description:
      'Requests put on their queue by the sweep: never confirmed, lost, or without a worker.',
  });
  const failures = metrics.meter.createCounter('darkroom_sweep_failures_total', {
    description:
      'Rounds of the sweep that broke off, and models in them whose queue could not be used.',
  });
  failures.add(0);

  const pause = (ms: number) => sleep(ms, stopping.signal);
  /** Waits until the record is back, and then for the workers that could not renew their leases. */
  const untilLeasesAreRenewed = async (): Promise<void> => {
    for (;;) {
      try {
        await store.check();
        return await pause(RENEWAL_MS);
      } catch {
        if (stopping.signal.aborted) return;
        await pause(RETRY_MS);
      }
    }
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      let isRecordAway = false;
      const sweep: FrontendStore['sweep'] = async (round) => {
        try {
          return await store.sweep(round);
        } catch (error) {
          isRecordAway = true;
          throw error;
        }
      };
      try {
        const count = await sweepOnce({
          store: { ...store, sweep },
          broker,
          models,
          spans,
          republishAfterMs,
          signal: stopping.signal,
          onFailure: (failure) => {
            failures.add(1);
            logger.warn(failure, 'a queue could not be used; a later round tries again');
          },
        });
        published.add(count);
        if (count > 0) logger.info({ count }, 'sweep published');
      } catch (error) {
        failures.add(1);
        logger.warn({ err: error }, 'sweep broken off; the next round goes on');
        if (isRecordAway) await untilLeasesAreRenewed();
      }
      await pause(intervalMs * (0.5 + Math.random()));
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
 * One round: the store settles what it can by itself, and what is to be queued is published. A model
 * whose queue cannot be used is told to `onFailure` and left to a later round, the others go on.
 *
 * @returns how many were published
 * @throws DarkroomError `unavailable` when store or broker is away; what is left waits for the next
 */
export async function sweepOnce(options: {
  store: FrontendStore;
  broker: Broker;
  models: readonly string[];
  spans?: Spans | undefined;
  republishAfterMs: number;
  signal?: AbortSignal;
  onFailure: (failure: Failure) => void;
}): Promise<number> {
  const { store, broker, models, republishAfterMs, signal, onFailure } = options;
  const { spans = noSpans } = options;
  const failed = new Set<string>();
  const fail = (failure: Failure): void => {
    if (!failed.has(failure.model)) onFailure(failure);
    failed.add(failure.model);
  };
  let published = 0;
  for (;;) {
    const records = await store.sweep({
      limit: BATCH,
      messages: broker.isReady() ? await countMessages(broker, models, fail) : [],
      republishAfterMs,
      maxAttempts: MAX_ATTEMPTS,
    });
    if (signal?.aborted) return published;
    // All at once: the broker confirms and the database marks them in groups.
    const outcomes = await Promise.allSettled(
      records.map(async (record) => {
        await publishRecord(record, { broker, spans });
        await store.markPublished(record.id, record.revision);
      }),
    );
    for (const [i, record] of records.entries()) {
      const outcome = outcomes[i];
      if (outcome?.status === 'fulfilled') published += 1;
      else if (!broker.isReady()) throw outcome?.reason;
      else fail({ err: outcome?.reason, model: record.request.model, generationId: record.id });
    }
    // After a failure too: what was not published falls due again, and one round would never end.
    if (records.length < BATCH || failed.size > 0) return published;
  }
}

/** Of each model whose queue answers: of the others, nobody knows what is missing. */
async function countMessages(
  broker: Broker,
  models: readonly string[],
  fail: (failure: Failure) => void,
): Promise<{ model: string; count: number }[]> {
  const counts = await Promise.all(
    models.map(async (model) => {
      try {
        return [{ model, count: await broker.countJobs(model) }];
      } catch (err) {
        fail({ err, model });
        return [];
      }
    }),
  );
  return counts.flat();
}
