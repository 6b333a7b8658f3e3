import { sleep } from './sleep.ts';

/** How delays grow from one failure to the next. */
export type Growth = {
  /** The delay after the first failure, in milliseconds. */
  firstMs: number;
  /** No delay is longer, in milliseconds. */
  longestMs: number;
  /** What each delay is multiplied by; 2 by default. */
  factor?: number;
};

/** The delay after so many failures in a row, from 1, in milliseconds. */
export function grownDelay(failures: number, { firstMs, longestMs, factor = 2 }: Growth): number {
  return Math.min(firstMs * factor ** (failures - 1), longestMs);
}

/**
 * Takes off up to half of a delay at random, so that many who failed at once do not return at once
 * ("equal jitter", AWS Architecture Blog, Exponential Backoff and Jitter, 2015).
 */
export function jittered(ms: number, random = Math.random()): number {
  return ms * (1 - random / 2);
}

export type Backoff = {
  /** Waits, longer after each failure in a row; ends early, without an error, on the signal. */
  wait(signal?: AbortSignal): Promise<void>;
  /** A success: the next failure waits the shortest time again. */
  reset(): void;
};

export function createBackoff(growth: Growth): Backoff {
  let failures = 0;
  return {
    wait: async (signal) => {
      failures += 1;
      await sleep(grownDelay(failures, growth), signal);
    },
    reset: () => {
      failures = 0;
    },
  };
}
