import { grownDelay, jittered } from '@darkroom/timing';
import type { JobDelivery, JobHandler, Outcome } from './broker.ts';
import type { Logger } from './logger.ts';

/** One delivery, as the driver has it. */
export type Held = {
  /** Tells the broker, once, what became of it. */
  settle(outcome: Outcome): void;
  /** Has the broker send another in its place, until it is settled; called once at most. */
  keep(): void;
};

/**
 * The jobs one consumer works on. A message that comes again while its handler still runs (the
 * connection was lost meanwhile, or it was published twice) is not handled a second time: the
 * handler's outcome settles all its deliveries.
 */
export function createInHand(handle: JobHandler, logger: Logger) {
  type Job = { held: Held[]; isKept: boolean; done: Promise<void> };
  const jobs = new Map<string, Job>();

  async function run(delivery: JobDelivery, job: Job): Promise<void> {
    const { messageId } = delivery;
    const keep = () => {
      if (job.isKept) return;
      job.isKept = true;
      for (const one of job.held) one.keep();
    };
    let outcome: Outcome;
    try {
      outcome = await handle(delivery, keep);
    } catch (err) {
      logger.error({ err, messageId }, 'a job handler failed; its message is delivered again');
      outcome = 'requeue';
    }
    jobs.delete(messageId);
    for (const one of job.held) one.settle(outcome);
  }

  return {
    take(delivery: JobDelivery, held: Held): void {
      const same = jobs.get(delivery.messageId);
      if (same !== undefined) {
        same.held.push(held);
        if (same.isKept) held.keep();
        return;
      }
      // Entered before the handler runs, which may end within this turn of the event loop.
      const job = { held: [held], isKept: false, done: Promise.resolve() };
      jobs.set(delivery.messageId, job);
      job.done = run(delivery, job);
    },
    /** Resolves when every handler has settled its message. */
    async idle(): Promise<void> {
      await Promise.all([...jobs.values()].map(({ done }) => done));
    },
  };
}

/**
 * How long a message waits before it is delivered again, in milliseconds: 100, doubled with every
 * delivery up to 5 s, less up to half of it at random. Without it, a worker whose database is away
 * would spin on one message.
 */
export function requeueDelay(deliveries: number): number {
  return jittered(grownDelay(deliveries + 1, { firstMs: 100, longestMs: 5_000 }));
}
