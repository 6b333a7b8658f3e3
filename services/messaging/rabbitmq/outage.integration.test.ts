import { freshVhost, type Rabbitmq, startRabbitmq } from '@darkroom/testing';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Outcome } from '../broker.ts';
import { newCancel, newJob } from '../testing/messages.ts';
import { openRawChannel } from '../testing/raw-channel.ts';
import { connectRabbitmq } from './connect-rabbitmq.ts';
import { jobQueue } from './topology.ts';

/** A server of our own, to kill. */
let server: Rabbitmq;
let url: string;
const PATIENCE = 30_000;
const LOOK_OFTEN = { timeout: PATIENCE, interval: 2 };

beforeAll(async () => {
  server = await startRabbitmq({ private: true });
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await freshVhost(server.url, server.managementUrl);
});

test('a killed broker: publishes fail at once, nothing taken is lost, all goes on after', async () => {
  const frontend = await connectRabbitmq({ url, models: ['pinhole'] });
  const taken = Array.from({ length: 20 }, () => newJob());
  await Promise.all(taken.map((job) => frontend.publishJob(job)));
  const leaving = await connectRabbitmq({ url });
  await leaving.consumeJobs({ model: 'other', prefetch: 1 }, async () => 'acknowledge');
  const heard: unknown[] = [];
  await frontend.subscribeEvents('all', (event) => heard.push(event));

  // RabbitMQ 3 writes down within half a second which quorum queues it has, and this test is faster.
  await server.control('eval', '[dets:sync(Table) || Table <- dets:all()].');
  await server.kill();
  const began = performance.now();
  await expect(frontend.publishJob(newJob())).rejects.toMatchObject({ kind: 'unavailable' });
  expect(performance.now() - began).toBeLessThan(6_000);
  await vi.waitFor(() => expect(frontend.isReady()).toBe(false), PATIENCE);
  await expect(frontend.publishJob(newJob())).rejects.toMatchObject({ kind: 'unavailable' });
  expect(() => frontend.publishEvent(newCancel())).not.toThrow();

  await leaving.close();

  // A worker that starts meanwhile waits for the broker.
  const worker = await connectRabbitmq({ url });
  expect(worker.isReady()).toBe(false);
  const seen = new Set<string>();
  await worker.consumeJobs({ model: 'pinhole', prefetch: 4 }, async ({ job }) => {
    seen.add(job.generationId);
    return 'acknowledge';
  });

  await server.start();
  await vi.waitFor(() => expect(frontend.isReady() && worker.isReady()).toBe(true), PATIENCE);
  const later = newJob();
  // A quorum queue that comes back may take longer to elect a leader than a publish waits.
  await vi.waitFor(() => frontend.publishJob(later), PATIENCE);
  const expected = new Set([...taken, later].map((job) => job.generationId));
  await vi.waitFor(() => expect(seen).toEqual(expected), PATIENCE);
  await vi.waitFor(() => {
    worker.publishEvent(newCancel());
    expect(heard.length).toBeGreaterThan(0);
  }, PATIENCE);
  await Promise.all([frontend.close(), worker.close()]);
});

test('a connection lost under a handler: the job is not handled twice and then settled', async () => {
  const broker = await connectRabbitmq({ url });
  const handled: ((outcome: Outcome) => void)[] = [];
  await broker.consumeJobs(
    { model: 'pinhole', prefetch: 2 },
    () => new Promise((settle) => handled.push(settle)),
  );
  await broker.publishJob(newJob());
  await vi.waitFor(() => expect(handled).toHaveLength(1), PATIENCE);

  // Watched while rabbitmqctl runs: before that returns, the broker may be connected again.
  const isLost = vi.waitFor(() => expect(broker.isReady()).toBe(false), LOOK_OFTEN);
  await server.control('close_all_connections', '--vhost', new URL(url).pathname.slice(1), 'test');
  await isLost;
  // Delivered behind the first, so that the first has come again when it arrives.
  const second = newJob();
  await vi.waitFor(() => broker.publishJob(second), PATIENCE);
  await vi.waitFor(() => expect(handled).toHaveLength(2), PATIENCE);
  for (const settle of handled) settle('acknowledge');
  await broker.close();

  await using raw = await openRawChannel(url);
  expect(await raw.channel.checkQueue(jobQueue('pinhole'))).toMatchObject({ messageCount: 0 });
});

test('a channel that the broker closes over a late acknowledgement is opened again', async () => {
  const setTimeouts = (consumerMs: number, tickMs: number) =>
    server.control(
      'eval',
      `application:set_env(rabbit, consumer_timeout, ${consumerMs}),` +
        `application:set_env(rabbit, channel_tick_interval, ${tickMs}).`,
    );
  // As after 30 minutes on a server that does not know `x-consumer-timeout` and was not told.
  await setTimeouts(1_000, 200);
  const warnings: string[] = [];
  const note = (_: object, message: string) => warnings.push(message);
  const broker = await connectRabbitmq({
    url,
    models: ['pinhole'],
    logger: { info() {}, warn: note, error: note },
  });
  const handled: ((outcome: Outcome) => void)[] = [];
  await broker.consumeJobs(
    { model: 'pinhole', prefetch: 2 },
    () => new Promise((settle) => handled.push(settle)),
  );
  await broker.publishJob(newJob());
  await vi.waitFor(() => expect(handled).toHaveLength(1), PATIENCE);
  await vi.waitFor(() => expect(warnings).toContain('RabbitMQ closed a channel'), PATIENCE);
  await setTimeouts(1_800_000, 60_000);
  // Delivered behind the first, so that the first has come again when it arrives.
  await broker.publishJob(newJob());
  await vi.waitFor(() => expect(handled).toHaveLength(2), PATIENCE);
  for (const settle of handled) settle('acknowledge');
  await broker.close();
  await using raw = await openRawChannel(url);
  expect(await raw.channel.checkQueue(jobQueue('pinhole'))).toMatchObject({ messageCount: 0 });
});

test('an alarm of the broker: not ready, publishes fail at once, and go on after', async () => {
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  await server.control('set_vm_memory_high_watermark', '0.000001');
  // RabbitMQ tells a connection that it is blocked when it publishes.
  await vi.waitFor(async () => {
    await broker.publishJob(newJob()).catch(() => {});
    expect(broker.isReady()).toBe(false);
  }, PATIENCE);
  const began = performance.now();
  await expect(broker.publishJob(newJob())).rejects.toMatchObject({ kind: 'unavailable' });
  expect(performance.now() - began).toBeLessThan(500);

  await server.control('set_vm_memory_high_watermark', '0.4');
  await vi.waitFor(() => expect(broker.isReady()).toBe(true), PATIENCE);
  await broker.publishJob(newJob());
  await broker.close();
});
