import type { QueueView } from '@darkroom/generations';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createQueueViews } from './queue-views.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const view = (length: number): QueueView => ({
  model: 'pinhole',
  length,
  work: { steps: length, pixelSteps: length },
  marks: [],
  running: { count: 0, work: { steps: 0, pixelSteps: 0 } },
  pace: null,
});

/** Queues that are longer at each look, which takes as long as told. */
function growing(lookMs = 0) {
  const queues = vi.fn(async () => {
    vi.advanceTimersByTime(lookMs);
    return [view(queues.mock.calls.length)];
  });
  const views = createQueueViews({ queues, workers: async () => [] });
  const read = async () => (await views.read()).queues.get('pinhole')?.length;
  return { queues, views, read };
}

it('looks once for many who ask at once, and again after a second', async () => {
  const { queues, read } = growing();
  expect(await Promise.all([read(), read(), read()])).toEqual([1, 1, 1]);
  vi.advanceTimersByTime(900);
  expect(await read()).toBe(1);
  vi.advanceTimersByTime(200);
  expect(await read()).toBe(2);
  expect(queues).toHaveBeenCalledTimes(2);
});

it('tells without waiting what is known, and then has newer', async () => {
  const { views } = growing();
  expect(views.peek()).toBeUndefined();
  await vi.waitFor(() => expect(views.peek()?.queues.get('pinhole')?.length).toBe(1));
  vi.advanceTimersByTime(1_100);
  expect(views.peek()?.queues.get('pinhole')?.length).toBe(1);
  await vi.waitFor(() => expect(views.peek()?.queues.get('pinhole')?.length).toBe(2));
});

it('looks more rarely where a look takes long', async () => {
  const { read } = growing(500);
  expect(await read()).toBe(1);
  vi.advanceTimersByTime(5_000);
  expect(await read()).toBe(1);
  vi.advanceTimersByTime(6_000);
  expect(await read()).toBe(2);
});

it('asks for nothing while nobody asks, and goes on after a look that failed', async () => {
  const { queues, views, read } = growing();
  queues.mockRejectedValueOnce(new Error('away'));
  expect(views.peek()).toBeUndefined();
  await expect(read()).rejects.toThrow('away');
  expect(await read()).toBe(2);
});
