import { DarkroomError, type GenerationEvent } from '@darkroom/contract';
import { createLogger } from '@darkroom/lifecycle';
import { type Broker, createInProcessBroker } from '@darkroom/messaging';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createEventHub } from './event-hub.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
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

function listenTo(hub: ReturnType<typeof createEventHub>, generationId: string) {
  const heard: GenerationEvent[] = [];
  return { heard, ...hub.listen(generationId, (event) => heard.push(event)) };
}

it('hands on what happens to a generation to those who listen to it alone', async () => {
  const hub = createEventHub(broker, logger);
  const early = listenTo(hub, id);
  hub.start();
  const late = listenTo(hub, id);
  const other = listenTo(hub, crypto.randomUUID());
  await Promise.all([early.ready, late.ready, other.ready]);
  const events = [1, 2, 3].map((step) => progressOf(id, step));
  for (const event of events) broker.publishEvent(event);
  await vi.waitFor(() => expect(late.heard).toEqual(events));
  expect(early.heard).toEqual(events);
  expect(other.heard).toEqual([]);
  await hub.stop();
});

it('hears nothing any more once it is closed or stopped', async () => {
  const hub = createEventHub(broker, logger);
  hub.start();
  const [closed, open] = [listenTo(hub, id), listenTo(hub, id)];
  await open.ready;
  closed.close();
  broker.publishEvent(progressOf(id, 1));
  await vi.waitFor(() => expect(open.heard).toHaveLength(1));
  expect(closed.heard).toEqual([]);
  await hub.stop();
  const heard = vi.fn();
  await broker.subscribeEvents('all', heard);
  broker.publishEvent(progressOf(id, 2));
  await vi.waitFor(() => expect(heard).toHaveBeenCalled());
  expect(open.heard).toHaveLength(1);
});

it('goes on trying while the broker is away, and follows what was listened to before', async () => {
  let attempts = 0;
  const late: Pick<Broker, 'followEvents'> = {
    followEvents: (handle) => {
      attempts += 1;
      if (attempts === 1) throw new DarkroomError('unavailable', 'RabbitMQ is not connected');
      return broker.followEvents(handle);
    },
  };
  const hub = createEventHub(late, logger);
  hub.start();
  const { heard } = listenTo(hub, id);
  await vi.waitFor(
    () => {
      broker.publishEvent(progressOf(id, 7));
      expect(heard).not.toEqual([]);
    },
    { timeout: 5_000 },
  );
  expect(attempts).toBe(2);
  await hub.stop();
});
