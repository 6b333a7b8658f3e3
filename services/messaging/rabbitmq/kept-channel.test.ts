import { EventEmitter } from 'node:events';
import type { Channel } from 'amqplib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepChannel } from './kept-channel.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** As much of a channel as is touched before it is set up. */
const bareChannel = () => {
  const channel = new EventEmitter();
  const close = async () => void channel.emit('close');
  return Object.assign(channel, { close }) as unknown as Channel;
};

test('a refusal is told to who waits for it, logged, and tried again until it is fixed', async () => {
  const refused = Object.assign(new Error('PRECONDITION_FAILED'), { code: 406 });
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  let isFixed = false;
  const kept = keepChannel({
    name: 'the channel for publishing jobs',
    open: async () => bareChannel(),
    setUp: async () => {
      if (!isFixed) throw refused;
    },
    logger,
  });
  const message = expect.stringMatching(/PRECONDITION_FAILED.*delete queues/);
  await expect(kept.ready).rejects.toMatchObject({ kind: 'configuration', message });
  expect(logger.error.mock.calls[0]?.[0]).toMatchObject({ err: { message } });

  await vi.advanceTimersByTimeAsync(60_000);
  expect(kept.current()).toBeUndefined();
  // Once in 2.5 to 5 s, and not in a hurry.
  expect(logger.error.mock.calls.length).toBeGreaterThan(10);
  expect(logger.error.mock.calls.length).toBeLessThan(27);

  isFixed = true;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(kept.current()).toBeDefined();
  await kept.close();
});

test('a set-up that is never answered is begun again on another channel', async () => {
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  let opened = 0;
  const kept = keepChannel({
    name: 'the channel for taking jobs',
    open: async () => {
      opened += 1;
      return bareChannel();
    },
    setUp: () => (opened === 1 ? new Promise(() => {}) : Promise.resolve()),
    logger,
  });
  await vi.advanceTimersByTimeAsync(9_000);
  expect(kept.current()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(2_000);
  await kept.ready;
  expect(opened).toBe(2);
  expect(kept.current()).toBeDefined();
  await kept.close();
});
