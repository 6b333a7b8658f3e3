import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callManagement, freshVhost, type Rabbitmq, startRabbitmq } from '@darkroom/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newJob } from '../testing/messages.ts';
import { openRawChannel } from '../testing/raw-channel.ts';
import { connectRabbitmq } from './connect-rabbitmq.ts';
import { brokerDefinitions } from './definitions.ts';
import { DEAD_LETTER_QUEUE, jobQueue } from './topology.ts';

const PATIENCE = 30_000;
const queue = jobQueue('pinhole');

/** A server of our own: `rabbitmqctl` is not for those of others. */
let server: Rabbitmq;
let folder: string;
beforeAll(async () => {
  server = await startRabbitmq({ private: true });
  folder = await mkdtemp(join(tmpdir(), 'darkroom-definitions-'));
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const vhostOf = (url: string) => new URL(url).pathname.slice(1);

async function load(url: string, maxQueued: number): Promise<void> {
  const vhost = vhostOf(url);
  const file = join(folder, `${vhost}.json`);
  const definitions = brokerDefinitions([{ name: 'pinhole', maxQueued }], { vhost });
  await writeFile(file, JSON.stringify(definitions));
  await server.control('import_definitions', file);
}

const boundOf = async (url: string, name: string): Promise<unknown> => {
  const found = await callManagement(server.managementUrl, 'GET', `queues/${vhostOf(url)}/${name}`);
  const { effective_policy_definition: policy } = found as {
    effective_policy_definition: Record<string, unknown>;
  };
  return policy?.['max-length'];
};

test('what RabbitMQ loads is what the services declare, and they work on it', async () => {
  const url = await freshVhost(server.url, server.managementUrl);
  await load(url, 100);
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  const seen: unknown[] = [];
  await broker.consumeJobs({ model: 'pinhole', prefetch: 1 }, async ({ job }) => {
    seen.push(job);
    return seen.length === 1 ? 'reject' : 'acknowledge';
  });
  const jobs = [newJob(), newJob()];
  for (const job of jobs) await broker.publishJob(job);
  await vi.waitFor(() => expect(seen).toEqual(jobs), PATIENCE);
  await using raw = await openRawChannel(url);
  await vi.waitFor(async () => {
    expect(await raw.channel.checkQueue(DEAD_LETTER_QUEUE)).toMatchObject({ messageCount: 1 });
  }, PATIENCE);
  await broker.close();
});

test('a consumer asks for a day to acknowledge, and no redeclaration is needed for it', async () => {
  const url = await freshVhost(server.url, server.managementUrl);
  const broker = await connectRabbitmq({ url });
  await broker.consumeJobs({ model: 'pinhole', prefetch: 1 }, async () => 'acknowledge');
  await vi.waitFor(async () => {
    const consumers = await callManagement(
      server.managementUrl,
      'GET',
      `consumers/${vhostOf(url)}`,
    );
    expect(consumers).toEqual([
      expect.objectContaining({
        arguments: { 'x-consumer-timeout': 86_400_000 },
        ack_required: true,
        prefetch_count: 1,
      }),
    ]);
  }, PATIENCE);
  await broker.close();
});

test('it may be loaded over queues that the services have declared, with other bounds too', async () => {
  const url = await freshVhost(server.url, server.managementUrl);
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  const job = newJob();
  await broker.publishJob(job);
  for (const [maxQueued, bound] of [
    [100, 400],
    [250, 1_000],
  ] as const) {
    await load(url, maxQueued);
    await vi.waitFor(async () => expect(await boundOf(url, queue)).toBe(bound), PATIENCE);
  }
  await broker.close();
  // A release that starts after the load declares the same once more.
  const next = await connectRabbitmq({ url, models: ['pinhole'] });
  const seen: unknown[] = [];
  await next.consumeJobs({ model: 'pinhole', prefetch: 1 }, async (delivery) => {
    seen.push(delivery.job);
    return 'acknowledge';
  });
  await vi.waitFor(() => expect(seen).toEqual([job]), PATIENCE);
  await next.close();
});

test('a full queue refuses what comes, and drops nothing that it has', async () => {
  const url = await freshVhost(server.url, server.managementUrl);
  await load(url, 5);
  const broker = await connectRabbitmq({ url, models: ['pinhole'] });
  await vi.waitFor(async () => expect(await boundOf(url, queue)).toBe(20), PATIENCE);
  // A quorum queue tells that it is full a moment after it is, so one after another.
  let taken = 0;
  const fill = async () => {
    for (; taken < 200; taken++) await broker.publishJob(newJob());
  };
  await expect(fill()).rejects.toMatchObject({ kind: 'unavailable' });
  expect(taken).toBeGreaterThanOrEqual(20);
  await using raw = await openRawChannel(url);
  await vi.waitFor(async () => {
    expect(await raw.channel.checkQueue(queue)).toMatchObject({ messageCount: taken });
  }, PATIENCE);

  // As soon as there is room it takes again.
  await raw.channel.purgeQueue(queue);
  await vi.waitFor(() => broker.publishJob(newJob()), PATIENCE);
  await broker.close();
});
