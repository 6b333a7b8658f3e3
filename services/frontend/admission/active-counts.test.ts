import type { ActiveCount } from '@darkroom/generations';
import { expect, it, vi } from 'vitest';
import { createActiveCounts } from './active-counts.ts';

const entry = (count: number, over: Partial<ActiveCount> = {}): ActiveCount => ({
  tenant: 'acme',
  model: 'pinhole',
  state: 'queued',
  count,
  ...over,
});

type Counts = ReturnType<typeof createActiveCounts>;

const read = async (counts: Counts, model = 'pinhole', tenant = 'acme') => {
  await counts.refresh();
  return counts.read(model, tenant);
};

/** A database whose counts come when they are told to. */
function slowStore() {
  const asked: ((counts: ActiveCount[]) => void)[] = [];
  return {
    asked,
    store: {
      countActive: () => new Promise<ActiveCount[]>((resolve) => asked.push(resolve)),
    },
  };
}

it('counts the queued of a model over all tenants, and the active of a tenant over all models', async () => {
  const counts = createActiveCounts({
    countActive: async () => [
      entry(5),
      entry(3, { tenant: 'other' }),
      entry(2, { state: 'running' }),
      entry(7, { model: 'sdxl' }),
    ],
  });
  expect(await read(counts)).toEqual({ queued: 8, active: 14 });
  expect(await read(counts, 'sdxl', 'other')).toEqual({ queued: 7, active: 3 });
  expect(await read(counts, 'none', 'nobody')).toEqual({ queued: 0, active: 0 });
});

it('asks the database once for many at once, and not again while the answer is fresh', async () => {
  const countActive = vi.fn(async () => [entry(1)]);
  const counts = createActiveCounts({ countActive });
  await Promise.all(Array.from({ length: 50 }, () => read(counts)));
  await read(counts);
  expect(countActive).toHaveBeenCalledTimes(1);
});

it('counts less often where a count takes long', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const { asked, store } = slowStore();
    const counts = createActiveCounts(store);
    const first = read(counts);
    vi.advanceTimersByTime(100);
    asked.shift()?.([entry(1)]);
    await first;
    // A twentieth of the time, so once in 2 s.
    vi.advanceTimersByTime(1_900);
    await read(counts);
    expect(asked).toHaveLength(0);
    vi.advanceTimersByTime(200);
    await read(counts);
    expect(asked).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});

it('forgets nothing that was added while the database counted', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const { asked, store } = slowStore();
    const counts = createActiveCounts(store);
    const first = read(counts);
    asked.shift()?.([entry(10)]);
    expect(await first).toMatchObject({ queued: 10 });
    counts.add('pinhole', 'acme')();
    expect(await read(counts)).toMatchObject({ queued: 11 });

    vi.advanceTimersByTime(300);
    expect(await read(counts)).toMatchObject({ queued: 11 });
    expect(asked).toHaveLength(1);
    counts.add('pinhole', 'acme')();
    expect(await read(counts)).toMatchObject({ queued: 12 });
    // It has seen the first of the two; the second may be in it or not, and stays counted.
    asked.shift()?.([entry(11)]);
    await vi.waitFor(async () => {
      expect(await read(counts)).toMatchObject({ queued: 12, active: 12 });
    });
  } finally {
    vi.useRealTimers();
  }
});

it('counts what is on its way however often the database is asked meanwhile', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const counts = createActiveCounts({ countActive: async () => [entry(1)] });
    await read(counts);
    const recorded = counts.add('pinhole', 'acme');
    for (let round = 0; round < 3; round++) {
      vi.advanceTimersByTime(3_000);
      expect(await read(counts)).toEqual({ queued: 2, active: 2 });
    }
    recorded();
    expect(await read(counts)).toEqual({ queued: 2, active: 2 });
    vi.advanceTimersByTime(3_000);
    expect(await read(counts)).toEqual({ queued: 1, active: 1 });
  } finally {
    vi.useRealTimers();
  }
});

it('keeps what was added through a count that fails', async () => {
  let fails = false;
  const counts = createActiveCounts({
    countActive: async () => {
      if (fails) throw new Error('away');
      return [entry(1)];
    },
  });
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    await read(counts);
    counts.add('pinhole', 'acme')();
    fails = true;
    vi.advanceTimersByTime(300);
    await read(counts);
    expect(await read(counts)).toMatchObject({ queued: 2 });
    vi.advanceTimersByTime(3_000);
    await expect(read(counts)).rejects.toThrow('away');
  } finally {
    vi.useRealTimers();
  }
});
