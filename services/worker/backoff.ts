import { setTimeout as sleep } from 'node:timers/promises';

export type Backoff = {
  /** Waits, longer after each failure in a row; ends early, without an error, on the signal. */
  wait(signal?: AbortSignal): Promise<void>;
  /** A success: the next failure waits the shortest time again. */
  reset(): void;
};

/** Doubles from `firstMs` up to `longestMs`. */
export function createBackoff(firstMs: number, longestMs: number): Backoff {
  let next = firstMs;
  return {
    wait: async (signal) => {
      const ms = next;
      next = Math.min(next * 2, longestMs);
      await sleep(ms, undefined, signal && { signal }).catch(() => {});
    },
    reset: () => {
      next = firstMs;
    },
  };
}

/** Tries again after each failure until `forMs` have passed or `signal` aborts; then throws the last. */
export async function retryFor<T>(
  forMs: number,
  task: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const giveUpAt = performance.now() + forMs;
  const backoff = createBackoff(50, 1_000);
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (performance.now() >= giveUpAt) throw error;
      await backoff.wait(signal);
      if (signal?.aborted) throw error;
    }
  }
}
