import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from './logger.ts';
import { repeat } from './repeat.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const logged: { msg: string; reason?: string }[] = [];
afterEach(() => logged.splice(0));
const destination = { write: (line: string) => logged.push(JSON.parse(line)) };
const logger = createLogger({ name: 'repeat', destination });
const options = { name: 'ask', pauseMs: 1_000, logger };

/** A task whose rounds last until the test ends them, whatever their signals say. */
function heldTask() {
  const rounds: { signal: AbortSignal; end: () => void }[] = [];
  const task = (signal: AbortSignal) =>
    new Promise<void>((resolve) => rounds.push({ signal, end: resolve }));
  return { task, rounds };
}

test('goes on after failures, tells of them, and logs when they begin and when they are over', async () => {
  const outcomes = [true, false, false, true, false];
  const task = vi.fn(async () => {
    if (!outcomes.shift()) throw new Error('away', { cause: new Error('refused') });
  });
  const onFailure = vi.fn();
  const repetition = repeat(task, { ...options, onFailure });
  const ups = [repetition.isUp()];
  for (let round = 0; round < 5; round += 1) {
    await vi.advanceTimersByTimeAsync(round === 0 ? 500 : 1_000);
    ups.push(repetition.isUp());
  }
  expect(ups).toEqual([false, true, false, false, true, false]);
  expect(task).toHaveBeenCalledTimes(5);
  expect(onFailure).toHaveBeenCalledTimes(3);
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

test('aborts a round that takes too long, and begins the next once it has settled', async () => {
  const { task, rounds } = heldTask();
  const repetition = repeat(task, options);
  await vi.advanceTimersByTimeAsync(9_999);
  expect(rounds[0]?.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(rounds[0]?.signal.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(rounds).toHaveLength(1);

  rounds[0]?.end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(rounds).toHaveLength(2);
  expect(rounds[1]?.signal.aborted).toBe(false);
  // It settled without an error, but too late.
  expect(repetition.isUp()).toBe(false);
  expect(logged.map(({ reason }) => reason)).toEqual(['no answer within 10000 ms']);
  rounds[1]?.end();
  await repetition.stop();
});

test('what a round left behind ends with it', async () => {
  const { task, rounds } = heldTask();
  const repetition = repeat(task, options);
  expect(rounds[0]?.signal.aborted).toBe(false);
  rounds[0]?.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(rounds[0]?.signal.aborted).toBe(true);
  expect(repetition.isUp()).toBe(true);
  await repetition.stop();
});

test('the stop aborts the round at once, waits for it, and takes it for no failure', async () => {
  const { task, rounds } = heldTask();
  const onFailure = vi.fn();
  const repetition = repeat(task, { ...options, onFailure });
  let stopped = false;
  const stopping = repetition.stop().then(() => {
    stopped = true;
  });
  expect(rounds[0]?.signal.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(stopped).toBe(false);
  rounds[0]?.end();
  await stopping;
  expect(rounds).toHaveLength(1);
  expect(onFailure).not.toHaveBeenCalled();
  expect(logged).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
