import type { WorkerState, WorkerStore } from '@darkroom/generations';
import type { Logger } from '@darkroom/lifecycle';

/** A worker's word that it is there, given again and again. */
export type Presence = {
  /** Gives it now: something has changed. */
  tell(): void;
  /** Gives it no more; the worker counts as gone when its silence is noticed. */
  stop(): Promise<void>;
  /** Gives it no more, and takes the worker's name off at once. */
  end(): Promise<void>;
};

/**
 * Announces a worker at once and then every `intervalMs`. What cannot be told is told the next time:
 * no job depends on it.
 */
export function announcePresence(options: {
  store: Pick<WorkerStore, 'announceWorker' | 'withdrawWorker'>;
  worker: string;
  models: readonly string[];
  intervalMs: number;
  logger: Logger;
  /** How the worker is, asked before each word. */
  look: () => { state: WorkerState; crashes: number };
}): Presence {
  const { store, worker, models, intervalMs, logger, look } = options;
  let timer: NodeJS.Timeout | undefined;
  let telling: Promise<void> = Promise.resolve();
  let ended = false;

  const announce = async () => {
    if (ended) return;
    try {
      await store.announceWorker({ worker, models, ...look() });
    } catch (error) {
      logger.warn({ err: error }, 'the worker could not tell that it is there');
    }
  };
  const tell = () => {
    clearTimeout(timer);
    telling = telling.then(announce).then(() => {
      clearTimeout(timer);
      if (!ended) timer = setTimeout(tell, intervalMs);
    });
  };
  const stop = async () => {
    ended = true;
    clearTimeout(timer);
    await telling;
  };
  tell();
  return {
    tell,
    stop,
    end: async () => {
      await stop();
      try {
        await store.withdrawWorker(worker);
      } catch (error) {
        logger.warn({ err: error }, 'the worker stays in the list until its silence is noticed');
      }
    },
  };
}
