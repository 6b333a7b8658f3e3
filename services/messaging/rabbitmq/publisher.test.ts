import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silent } from '../logger.ts';
import { newJob } from '../testing/messages.ts';
import type { Connection } from './connection.ts';
import { createPublisher } from './publisher.ts';
import { jobQueue } from './topology.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection to a broker that answers everything but the declaration of one queue. */
function mute(queue: string): Connection {
  const answer = async () => {};
  const channel = Object.assign(new EventEmitter(), {
    assertExchange: answer,
    assertQueue: (name: string) => (name === queue ? new Promise(() => {}) : answer()),
    bindQueue: answer,
    close: answer,
  });
  const model = { createConfirmChannel: async () => channel };
  return { model, isUp: () => true, blocked: () => undefined } as unknown as Connection;
}

test('a queue whose declaration is not answered fails the publish in time', async () => {
  const job = newJob();
  const publisher = createPublisher(mute(jobQueue(job.model)), [], silent);
  await publisher.ready;
  const message = expect.stringContaining(`did not declare ${jobQueue(job.model)} within 5 s`);
  const published = expect(publisher.publishJob(job)).rejects.toMatchObject({
    kind: 'unavailable',
    message,
  });
  await vi.advanceTimersByTimeAsync(5_000);
  await published;
});
