import { createBackoff, type Growth } from './backoff.ts';

const GROWTH: Growth = { firstMs: 50, longestMs: 1_000 };

/**
 * Tries again after each failure for as long as `goesOn` says so of it and `signal` is not aborted;
 * then throws the last.
 */
export async function retryWhile<T>(
  goesOn: (error: unknown) => boolean,
  task: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const backoff = createBackoff(GROWTH);
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
