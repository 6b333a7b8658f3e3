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
