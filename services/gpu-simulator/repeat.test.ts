import { createLogger } from '@darkroom/lifecycle';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { repeat } from './repeat.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const logged: { msg: string; reason?: string }[] = [];
afterEach(() => logged.splice(0));
const destination = { write: (line: string) => logged.push(JSON.parse(line)) };
const logger = createLogger({ name: 'repeat', destination });

test('goes on after failures, and logs when they begin and when they are over', async () => {
  const outcomes = [true, false, false, true, false];
  const task = vi.fn(async () => {
    if (!outcomes.shift()) throw new Error('away', { cause: new Error('refused') });
  });
  const repetition = repeat(task, { name: 'ask', pauseMs: 1_000, logger });
  await vi.advanceTimersByTimeAsync(4_500);
  expect(task).toHaveBeenCalledTimes(5);
  expect(logged[0]?.reason).toBe('away: refused');
  expect(logged.map(({ msg }) => msg)).toEqual([
    'fails, and is tried again',
    'works again',
    'fails, and is tried again',
  ]);
  await repetition.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(task).toHaveBeenCalledTimes(5);
});

test('neither a round without an end nor the stop waits for an answer', async () => {
  const task = vi.fn(() => new Promise<void>(() => {}));
  const repetition = repeat(task, { name: 'ask', pauseMs: 1_000, logger });
  await vi.advanceTimersByTimeAsync(11_500);
  expect(task).toHaveBeenCalledTimes(2);
  await repetition.stop();
});
