import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createBackoff,
  grownDelay,
  jittered,
  retryFor,
  retryWhile,
  sleep,
  withTimeLimit,
} from './index.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Milliseconds until it settles, on the faked clock. */
async function took(promise: Promise<unknown>): Promise<number> {
  const began = performance.now();
  let ended: number | undefined;
  const end = () => {
    ended = performance.now();
  };
  promise.then(end, end);
  while (ended === undefined) await vi.advanceTimersByTimeAsync(1);
  return Math.round(ended - began);
}

describe('sleep', () => {
  it('ends after its time', async () => {
    expect(await took(sleep(120))).toBe(120);
  });

  it('ends early on its signal, without an error and without a timer left', async () => {
    const stop = new AbortController();
    const sleeping = sleep(60_000, stop.signal);
    stop.abort();
    await sleeping;
    await sleep(60_000, stop.signal);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('backoff', () => {
  it('doubles up to the longest, and starts over after a success', async () => {
    const backoff = createBackoff({ firstMs: 50, longestMs: 300 });
    const waits = [];
    for (let n = 0; n < 5; n += 1) waits.push(await took(backoff.wait()));
    backoff.reset();
    waits.push(await took(backoff.wait()));
    expect(waits).toEqual([50, 100, 200, 300, 300, 50]);
  });

  it('grows by its factor and stays finite after any number of failures', () => {
    const growth = { firstMs: 5_000, longestMs: 43_200_000, factor: 6 };
    expect([1, 2, 3, 10_000].map((failures) => grownDelay(failures, growth))).toEqual([
      5_000, 30_000, 180_000, 43_200_000,
    ]);
  });

  it('takes off up to half at random', () => {
    expect([0, 0.5, 1].map((random) => jittered(1_000, random))).toEqual([1_000, 750, 500]);
    expect(new Set(Array.from({ length: 20 }, () => jittered(1_000))).size).toBeGreaterThan(1);
  });
});

describe('retry', () => {
  const failing = (times: number) => {
    let calls = 0;
    return vi.fn(async () => {
      calls += 1;
      if (calls <= times) throw new Error(`failure ${calls}`);
      return calls;
    });
  };

  it('gives the result of the first attempt that succeeds', async () => {
    const task = failing(2);
    const result = retryFor(10_000, task);
    expect(await took(result)).toBe(150);
    expect(await result).toBe(3);
  });

  it('throws the last failure when the time is over', async () => {
    const result = retryFor(400, failing(1_000));
    result.catch(() => {});
    expect(await took(result)).toBe(750);
    await expect(result).rejects.toThrow('failure 5');
  });

  it('throws a failure that it is not to try again after, at once', async () => {
    const task = failing(9);
    await expect(retryWhile(() => false, task)).rejects.toThrow('failure 1');
    expect(task).toHaveBeenCalledTimes(1);
  });

  it('makes no more attempts once its signal is aborted', async () => {
    const stop = new AbortController();
    const task = failing(1_000);
    const result = retryWhile(() => true, task, stop.signal);
    result.catch(() => {});
    await vi.advanceTimersByTimeAsync(60);
    stop.abort();
    await expect(result).rejects.toThrow('failure 2');
    expect(task).toHaveBeenCalledTimes(2);
  });
});

describe('a time limit', () => {
  const late = () => new Error('too late');
  const never = new Promise<never>(() => {});

  it('passes on what comes in time, and leaves no timer', async () => {
    expect(await withTimeLimit(Promise.resolve(7), { ms: 1_000, late })).toBe(7);
    const refused = Promise.reject(new Error('refused'));
    await expect(withTimeLimit(refused, { ms: 1_000, late })).rejects.toThrow('refused');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('throws what is to be said when the time is over', async () => {
    const waiting = withTimeLimit(never, { ms: 1_000, late });
    waiting.catch(() => {});
    expect(await took(waiting)).toBe(1_000);
    await expect(waiting).rejects.toThrow('too late');
  });

  it.each(['before', 'meanwhile'])('throws the reason of a signal aborted %s', async (when) => {
    const stop = new AbortController();
    if (when === 'before') stop.abort(new Error('closing'));
    const waiting = withTimeLimit(never, { ms: 1_000, late, signal: stop.signal });
    if (when === 'meanwhile') stop.abort(new Error('closing'));
    await expect(waiting).rejects.toThrow('closing');
    expect(vi.getTimerCount()).toBe(0);
  });
});
