import { DarkroomError, type GenerationEvent } from '@darkroom/contract';
import { createLogger } from '@darkroom/lifecycle';
import { type Broker, createInProcessBroker } from '@darkroom/messaging';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEventHub } from './event-hub.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const never = new AbortController().signal;
const id = '5f6a27a4-2a8e-4f0a-8d9c-3b8a0f7d1c11';

const progressOf = (generationId: string, step: number): GenerationEvent => ({
  version: 1,
  type: 'progress',
  generationId,
  revision: 2,
  progress: { step, steps: 20 },
});

let broker: Broker;
beforeEach(() => {
  broker = createInProcessBroker();
});
afterEach(() => broker.close());

it('keeps the newest of what a listener has not taken, of its generation alone', async () => {
  const hub = createEventHub(broker, logger);
  hub.start();
  const inbox = hub.listen(id);
  const other = hub.listen(crypto.randomUUID());
  // Subscribing takes a turn of the event loop.
  await new Promise(setImmediate);
  for (const step of [1, 2, 3]) broker.publishEvent(progressOf(id, step));
  const state = { version: 1, type: 'state', generationId: id, revision: 3, state: 'succeeded' };
  broker.publishEvent(state as GenerationEvent);
  await inbox.arrival(5_000, never);
  // The broker hands all four on in the turn that the first arrived in.
  await new Promise(setImmediate);
  const taken = inbox.take();
  expect(taken).toMatchObject({ live: { revision: 2, progress: { step: 3 } }, changed: true });
  expect(inbox.take()).toEqual({ live: undefined, changed: false });
  expect(other.take()).toEqual({ live: undefined, changed: false });
  await hub.stop();
});

it('wakes a listener that waits, and lets it go after its time or on its signal', async () => {
  const hub = createEventHub(broker, logger);
  hub.start();
  const inbox = hub.listen(id);
  await inbox.arrival(1, never);
  const gone = new AbortController();
  const waiting = inbox.arrival(60_000, gone.signal);
  gone.abort();
  await waiting;
  const woken = inbox.arrival(60_000, never);
  broker.publishEvent(progressOf(id, 1));
  await woken;
  expect(inbox.take().live?.progress.step).toBe(1);
  await hub.stop();
});

it('hears nothing any more once it is closed or stopped', async () => {
  const hub = createEventHub(broker, logger);
  hub.start();
  const closed = hub.listen(id);
  const open = hub.listen(id);
  closed.close();
  broker.publishEvent(progressOf(id, 1));
  await open.arrival(5_000, never);
  expect(closed.take().live).toBeUndefined();
  expect(open.take().live?.progress.step).toBe(1);
  await hub.stop();
  broker.publishEvent(progressOf(id, 2));
  await open.arrival(20, never);
  expect(open.take().live).toBeUndefined();
});

it('goes on trying while the broker is away', async () => {
  let attempts = 0;
  const late: Broker = {
    ...broker,
    subscribeEvents: (...options) => {
      attempts += 1;
      if (attempts === 1) throw new DarkroomError('unavailable', 'RabbitMQ is not connected');
      return broker.subscribeEvents(...options);
    },
  };
  const hub = createEventHub(late, logger);
  hub.start();
  const inbox = hub.listen(id);
  await expect.poll(() => attempts, { timeout: 5_000 }).toBe(2);
  broker.publishEvent(progressOf(id, 7));
  await inbox.arrival(5_000, never);
  expect(inbox.take().live?.progress.step).toBe(7);
  await hub.stop();
});
