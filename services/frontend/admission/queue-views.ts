import type { FrontendStore, QueueView, WorkerSeen } from '@darkroom/generations';

/** The queues and the workers as they were a moment ago. */
export type Standing = { queues: ReadonlyMap<string, QueueView>; workers: readonly WorkerSeen[] };

export type QueueViews = {
  /** Not older than a second. */
  read(): Promise<Standing>;
  /** What is known without waiting; newer is then on its way. */
  peek(): Standing | undefined;
};

const FRESH_MS = 1_000;

/** One look at the database a second at most, however many ask, and none when nobody does. */
export function createQueueViews(store: Pick<FrontendStore, 'queues' | 'workers'>): QueueViews {
  let known: Standing | undefined;
  let knownAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Standing> | undefined;

  const look = async (): Promise<Standing> => {
    const [queues, workers] = await Promise.all([store.queues(), store.workers()]);
    known = { queues: new Map(queues.map((queue) => [queue.model, queue])), workers };
    knownAt = performance.now();
    return known;
  };
  const refresh = (): Promise<Standing> => {
    reading ??= look().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const isFresh = () => performance.now() - knownAt < FRESH_MS;

  return {
    read: async () => (isFresh() && known) || refresh(),
    peek: () => {
      if (!isFresh()) refresh().catch(() => {});
      return known;
    },
  };
}
