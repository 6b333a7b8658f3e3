import type { FrontendStore, QueueView, WorkerSeen } from '@darkroom/generations';

/** The queues and the workers as they were a moment ago. */
export type Standing = { queues: ReadonlyMap<string, QueueView>; workers: readonly WorkerSeen[] };

export type QueueViews = {
  /** Not older than a second, or a little more where queues are very long. */
  read(): Promise<Standing>;
  /** What is known without waiting; newer is then on its way. */
  peek(): Standing | undefined;
};

const FRESH_MS = 1_000;

/** A look at very long queues takes time, and may take this share of it at most. */
const SHARE = 0.05;

/** One look at the database a second at most, however many ask, and none when nobody does. */
export function createQueueViews(store: Pick<FrontendStore, 'queues' | 'workers'>): QueueViews {
  let known: Standing | undefined;
  let knownAt = Number.NEGATIVE_INFINITY;
  let freshMs = FRESH_MS;
  let reading: Promise<Standing> | undefined;

  const look = async (): Promise<Standing> => {
    const began = performance.now();
    const [queues, workers] = await Promise.all([store.queues(), store.workers()]);
    known = { queues: new Map(queues.map((queue) => [queue.model, queue])), workers };
    knownAt = performance.now();
    freshMs = Math.max(FRESH_MS, (knownAt - began) / SHARE);
    return known;
  };
  const refresh = (): Promise<Standing> => {
    reading ??= look().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const isFresh = () => performance.now() - knownAt < freshMs;

  return {
    read: async () => (isFresh() && known) || refresh(),
    peek: () => {
      if (!isFresh()) refresh().catch(() => {});
      return known;
    },
  };
}
