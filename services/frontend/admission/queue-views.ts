import type { FrontendStore, QueueView, WorkerSeen } from '@darkroom/generations';
import { createFreshLook, type FreshLook } from './fresh-look.ts';

/** The queues and the workers as they were a moment ago. */
export type Standing = { queues: ReadonlyMap<string, QueueView>; workers: readonly WorkerSeen[] };

export type QueueViews = FreshLook<Standing>;

/** One look at the database for all who ask what waits. */
export const createQueueViews = (store: Pick<FrontendStore, 'queues' | 'workers'>): QueueViews =>
  createFreshLook(async () => {
    const [queues, workers] = await Promise.all([store.queues(), store.workers()]);
    return { queues: new Map(queues.map((queue) => [queue.model, queue])), workers };
  });
