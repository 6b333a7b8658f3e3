import type { JobDelivery, Outcome } from './broker.ts';
import type { Logger } from './logger.ts';

export type JobHandler = (delivery: JobDelivery) => Promise<Outcome>;

/** Tells the broker, once, what became of one delivery. */
export type Settle = (outcome: Outcome) => void;

/**
 * The jobs one consumer works on. A message that comes again while its handler still runs (the
 * connection was lost meanwhile, or it was published twice) is not handled a second time: the
 * handler's outcome settles all its deliveries.
 */
export function createInHand(handle: JobHandler, logger: Logger) {
  const held = new Map<string, { settles: Settle[]; done: Promise<void> }>();

  async function run(delivery: JobDelivery, settles: readonly Settle[]): Promise<void> {
    const { messageId } = delivery;
    let outcome: Outcome;
    try {
      outcome = await handle(delivery);
    } catch (err) {
      logger.error({ err, messageId }, 'a job handler failed; its message is delivered again');
      outcome = 'requeue';
    }
    held.delete(messageId);
    for (const settle of settles) settle(outcome);
  }

  return {
    take(delivery: JobDelivery, settle: Settle): void {
      const same = held.get(delivery.messageId);
      if (same !== undefined) {
        same.settles.push(settle);
        return;
      }
      const settles = [settle];
      // Entered before the handler runs, which may end within this turn of the event loop.
      const job = { settles, done: Promise.resolve() };
      held.set(delivery.messageId, job);
      job.done = run(delivery, settles);
    },
    /** Resolves when every handler has settled its message. */
    async idle(): Promise<void> {
      await Promise.all([...held.values()].map(({ done }) => done));
    },
  };
}

/**
 * How long a message waits before it is delivered again, in milliseconds: 100, doubled with every
 * delivery up to 5 s, less up to half of it at random. Without it, a worker whose database is away
 * would spin on one message.
 */
export function requeueDelay(deliveries: number): number {
  const longest = Math.min(5_000, 100 * 2 ** Math.min(deliveries, 10));
  return longest * (1 - Math.random() / 2);
}
