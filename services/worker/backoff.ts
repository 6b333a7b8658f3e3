/** Waits; ends early, without an error, on the signal. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

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
      await sleep(ms, signal);
    },
    reset: () => {
      next = firstMs;
    },
  };
}

/**
 * Tries again after each failure for as long as `goesOn` says so of it and `signal` is not aborted;
 * then throws the last.
 */
export async function retryWhile<T>(
  goesOn: (error: unknown) => boolean,
  task: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const backoff = createBackoff(50, 1_000);
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (!goesOn(error)) throw error;
      await backoff.wait(signal);
      if (signal?.aborted) throw error;
    }
  }
}

/** Tries again after each failure until `forMs` have passed or `signal` aborts; then throws the last. */
export async function retryFor<T>(
  forMs: number,
  task: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const giveUpAt = performance.now() + forMs;
  return await retryWhile(() => performance.now() < giveUpAt, task, signal);
}
