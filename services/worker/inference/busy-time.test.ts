import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createBusyTime } from './busy-time.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

it('grows during a task, stands still between tasks, and counts those that fail', async () => {
  const busy = createBusyTime();
  vi.advanceTimersByTime(50);
  expect(busy.ms()).toBe(0);
  const first = Promise.withResolvers<string>();
  const told = busy.during(() => first.promise);
  vi.advanceTimersByTime(100);
  expect(busy.ms()).toBe(100);
  vi.advanceTimersByTime(20);
  first.resolve('picture');
  expect(await told).toBe('picture');
  vi.advanceTimersByTime(1_000);
  expect(busy.ms()).toBe(120);
  const failing = busy.during(async () => {
    vi.advanceTimersByTime(5);
    throw new Error('engine');
  });
  await expect(failing).rejects.toThrow('engine');
  vi.advanceTimersByTime(1_000);
  expect(busy.ms()).toBe(125);
});

it('counts time in which several tasks are under way once', async () => {
  const busy = createBusyTime();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const both = [busy.during(() => first.promise), busy.during(() => second.promise)];
  vi.advanceTimersByTime(10);
  second.resolve();
  await both[1];
  vi.advanceTimersByTime(20);
  expect(busy.ms()).toBe(30);
  first.resolve();
  await both[0];
  vi.advanceTimersByTime(40);
  expect(busy.ms()).toBe(30);
});
