import { freshVhost } from '@darkroom/testing';
import { beforeEach, describe, expect, inject, test, vi } from 'vitest';
import type { Broker, JobDelivery } from '../broker.ts';
import { newJob, newProgress } from '../testing/messages.ts';
import { openRawChannel } from '../testing/raw-channel.ts';
import { connectRabbitmq } from './connect-rabbitmq.ts';
import { DEAD_LETTER_QUEUE, EVENT_EXCHANGE, jobQueue } from './topology.ts';

const PATIENCE = 15_000;
const queue = jobQueue('pinhole');
let url: string;

beforeEach(async () => {
  url = await freshVhost(inject('amqpUrl'), inject('amqpManagementUrl'));
});

async function consume(broker: Broker): Promise<JobDelivery[]> {
  const seen: JobDelivery[] = [];
  await broker.consumeJobs({ model: 'pinhole', prefetch: 5 }, async (delivery) => {
    seen.push(delivery);
    return 'acknowledge';
  });
  return seen;
}

test('a job lies on the queue persistently, named, with its trace context', async () => {
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  await using raw = await openRawChannel(url);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const job = newJob({ traceparent });
  await broker.publishJob(job);
  const message = await raw.channel.get(queue, { noAck: true });
  expect(message).toMatchObject({
    properties: {
      deliveryMode: 2,
      messageId: `${job.generationId}:1`,
      contentType: 'application/json',
      headers: { traceparent },
    },
  });
  expect(JSON.parse(String(message ? message.content : 'null'))).toEqual(job);
  await broker.close();
});

test('a preview is dropped for a listener that falls behind, and what is small waits', async () => {
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  await using raw = await openRawChannel(url);
  const { queue: behind } = await raw.channel.assertQueue('', { exclusive: true });
  await raw.channel.bindQueue(behind, EVENT_EXCHANGE, '#');
  const preview = { index: 0, step: 1, url: 'data:image/jpeg;base64,AAAA' };
  const light = newProgress(2);
  broker.publishEvent({ ...newProgress(1), preview } as typeof light);
  broker.publishEvent(light);
  const waiting = async () => (await raw.channel.checkQueue(behind)).messageCount;
  await vi.waitFor(async () => expect(await waiting()).toBe(2), PATIENCE);
  await vi.waitFor(async () => expect(await waiting()).toBe(1), PATIENCE);
  const left = await raw.channel.get(behind, { noAck: true });
  expect(JSON.parse(String(left ? left.content : 'null'))).toEqual(light);
  await broker.close();
});

test('a job without a queue is not taken for published, and the queue comes back', async () => {
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  await using raw = await openRawChannel(url);
  await raw.channel.deleteQueue(queue);
  await expect(broker.publishJob(newJob())).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining(queue),
  });
  await broker.publishJob(newJob());
  expect(await raw.channel.checkQueue(queue)).toMatchObject({ messageCount: 1 });
  await broker.close();
});

test('a queue that is gone is declared, and counted as empty', async () => {
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  await broker.publishJob(newJob());
  await vi.waitFor(async () => expect(await broker.countJobs('pinhole')).toBe(1), PATIENCE);
  await using raw = await openRawChannel(url);
  await raw.channel.deleteQueue(queue);
  expect(await broker.countJobs('pinhole')).toBe(0);
  await raw.channel.checkQueue(queue);
  await broker.close();
  await expect(broker.countJobs('pinhole')).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a consumer whose queue was deleted declares it again', async () => {
  const warnings: string[] = [];
  const note = (_: object, message: string) => warnings.push(message);
  const broker = await connectRabbitmq({ url, logger: { info() {}, warn: note, error: note } });
  const seen = await consume(broker);
  await using raw = await openRawChannel(url);
  await raw.channel.deleteQueue(queue);
  await vi.waitFor(() => {
    expect(warnings).toContain('RabbitMQ ended the consumer; starting it again');
  }, PATIENCE);
  const job = newJob();
  await vi.waitFor(() => broker.publishJob(job), PATIENCE);
  await vi.waitFor(() => expect(seen.map((one) => one.job)).toContainEqual(job), PATIENCE);
  await broker.close();
});

test('malformed messages are kept aside with the reason, and the others arrive', async () => {
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  await using raw = await openRawChannel(url);
  const job = newJob();
  raw.channel.sendToQueue(queue, Buffer.from('not JSON at all'));
  raw.channel.sendToQueue(queue, Buffer.from('{"version":1,"model":"pinhole"}'));
  await broker.publishJob(job);
  const seen = await consume(broker);
  await vi.waitFor(() => expect(seen.map((delivery) => delivery.job)).toEqual([job]), PATIENCE);
  await vi.waitFor(async () => {
    expect(await raw.channel.checkQueue(DEAD_LETTER_QUEUE)).toMatchObject({ messageCount: 2 });
  }, PATIENCE);
  const reasons: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const message = await raw.channel.get(DEAD_LETTER_QUEUE, { noAck: true });
    if (message) reasons.push(message.properties.headers?.['darkroom-reason']);
  }
  expect(reasons.sort()).toEqual([expect.stringContaining('generationId'), 'malformed: not JSON']);
  await broker.close();
});

test('what a handler rejects is kept aside whole', async () => {
  const broker = await connectRabbitmq({ url });
  await broker.consumeJobs({ model: 'pinhole', prefetch: 1 }, async () => 'reject');
  const job = newJob();
  await broker.publishJob(job);
  await using raw = await openRawChannel(url);
  const message = await vi.waitFor(
    async () => (await raw.channel.get(DEAD_LETTER_QUEUE, { noAck: true })) || expect.fail('none'),
    PATIENCE,
  );
  expect(JSON.parse(message.content.toString())).toEqual(job);
  await broker.close();
});

test('events that are not understood are passed over', async () => {
  const broker = await connectRabbitmq({ url });
  const heard: unknown[] = [];
  await broker.subscribeEvents('all', (event) => heard.push(event));
  await using raw = await openRawChannel(url);
  raw.channel.publish('darkroom.events', 'progress.x', Buffer.from('{'));
  const event = { version: 1, type: 'cancel', generationId: newJob().generationId, revision: 1 };
  raw.channel.publish('darkroom.events', 'cancel.x', Buffer.from(JSON.stringify(event)));
  await vi.waitFor(() => expect(heard).toEqual([event]), PATIENCE);
  await broker.close();
});

describe('connecting is refused', () => {
  const changed = (change: (url: URL) => void): string => {
    const parsed = new URL(url);
    change(parsed);
    return parsed.href;
  };

  test.each([
    ['with a wrong password', () => changed((to) => (to.password = 'wrong')), 'password'],
    ['to an unknown virtual host', () => changed((to) => (to.pathname = '/none')), 'virtual host'],
    ['without an AMQP address', () => 'http://127.0.0.1', 'amqp://USER'],
    ['with nothing like an address', () => 'rabbit', 'amqp://USER'],
  ])('%s', async (_, wrong, remedy) => {
    await expect(connectRabbitmq({ url: wrong() })).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining(remedy),
    });
  });

  test('where a queue of that name is of another kind', async () => {
    await using raw = await openRawChannel(url);
    await raw.channel.assertQueue(queue, { durable: true });
    const refusal = { kind: 'configuration', message: expect.stringContaining('delete queues') };
    await expect(connectRabbitmq({ url, models: ['pinhole'] })).rejects.toMatchObject(refusal);
    const broker = await connectRabbitmq({ url });
    await expect(
      broker.consumeJobs({ model: 'pinhole', prefetch: 1 }, async () => 'acknowledge'),
    ).rejects.toMatchObject(refusal);
    await broker.close();
  });
});
