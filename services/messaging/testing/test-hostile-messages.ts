import { createHash } from 'node:crypto';
import { createRandom, freshVhost } from '@darkroom/testing';
import { expect, inject, test, vi } from 'vitest';
import { connectRabbitmq } from '../rabbitmq/connect-rabbitmq.ts';
import { DEAD_LETTER_QUEUE, EVENT_EXCHANGE, jobQueue } from '../rabbitmq/topology.ts';
import { hostileMessage } from './hostile-messages.ts';
import { newProgress } from './messages.ts';
import { openRawChannel } from './raw-channel.ts';

/** The same messages again: `HOSTILE_SEED=<the printed seed>`. */
const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 1_000_000);

const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** Of any bytes on a job queue the jobs are done, and all else is kept aside, whole, with a reason. */
export function testHostileMessages(count: number, timeout: number): void {
  const patience = { timeout: timeout / 3, interval: 200 };

  test(`${count} hostile messages on a job queue, seed ${seed}`, { timeout }, async () => {
    const url = await freshVhost(inject('amqpUrl'), inject('amqpManagementUrl'));
    const warnings: string[] = [];
    const logger = {
      info() {},
      warn: (_: object, message: string) => warnings.push(message),
      error() {},
    };
    const broker = await connectRabbitmq({ url, models: ['pinhole'], logger });
    const seen = new Map<string, unknown>();
    await broker.consumeJobs({ model: 'pinhole', prefetch: 20 }, async ({ job }) => {
      seen.set(job.generationId, job);
      return 'acknowledge';
    });

    await using raw = await openRawChannel(url);
    const random = createRandom(Math.imul(seed, 0x9e3779b1), 'messages');
    const messages = Array.from({ length: count }, () => hostileMessage(random));
    for (const { content, properties } of messages) {
      const sent = raw.channel.sendToQueue(jobQueue('pinhole'), content, properties);
      if (!sent) await new Promise((resolve) => raw.channel.once('drain', resolve));
    }
    const jobs = messages.flatMap(({ job }) => job ?? []);
    const bad = messages.filter(({ job }) => job === undefined);
    expect(jobs.length).toBeGreaterThan(count / 5);
    expect(bad.length).toBeGreaterThan(count / 5);

    await vi.waitFor(() => expect(seen.size).toBe(jobs.length), patience);
    for (const job of jobs) expect(seen.get(job.generationId)).toMatchObject(job);

    const kept: string[] = [];
    await vi.waitFor(async () => {
      for (;;) {
        const message = await raw.channel.get(DEAD_LETTER_QUEUE, { noAck: true });
        if (message === false) break;
        expect(message.properties.headers?.['darkroom-reason']).toMatch(/^malformed: ./);
        kept.push(digest(message.content));
      }
      expect(kept.length).toBe(bad.length);
    }, patience);
    expect(kept.sort()).toEqual(bad.map(({ content }) => digest(content)).sort());
    expect(warnings).toEqual([]);
    await broker.close();
  });

  test(`${count} hostile messages among events, seed ${seed}`, { timeout }, async () => {
    const url = await freshVhost(inject('amqpUrl'), inject('amqpManagementUrl'));
    const broker = await connectRabbitmq({ url });
    const heard: unknown[] = [];
    await broker.subscribeEvents('all', (event) => heard.push(event));
    await using raw = await openRawChannel(url);
    const random = createRandom(Math.imul(seed, 0x9e3779b1), 'events');
    for (let sent = 0; sent < count; sent++) {
      const { content, properties } = hostileMessage(random);
      const topic = random.pick(['progress.x', 'state.', '', '#', 'x'.repeat(255), 'é.*.#']);
      if (!raw.channel.publish(EVENT_EXCHANGE, topic, content, properties)) {
        await new Promise((resolve) => raw.channel.once('drain', resolve));
      }
    }
    const event = newProgress();
    raw.channel.publish(EVENT_EXCHANGE, 'progress.x', Buffer.from(JSON.stringify(event)));
    await vi.waitFor(() => expect(heard).toEqual([event]), patience);
    await broker.close();
  });
}
