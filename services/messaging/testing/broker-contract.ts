import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Broker, JobDelivery } from '../broker.ts';
import { type ByHandOptions, consumeByHand as consumeFromByHand } from './consume-by-hand.ts';
import type { Ends } from './ends.ts';
import { describeEvents } from './event-contract.ts';
import { describeKeeping } from './keep-contract.ts';
import { newJob } from './messages.ts';

/** What every driver of the port promises. `open` gives ends on a broker that nobody else uses. */
export function describeBroker(open: () => Promise<Ends>): void {
  let near: Broker;
  let far: Broker;

  beforeEach(async () => {
    ({ near, far } = await open());
  });
  afterEach(async () => {
    await Promise.all([near.close(), far.close()]);
  });

  const consumeByHand = (options?: ByHandOptions) => consumeFromByHand(far, options);

  describe('jobs', () => {
    test('reach a consumer as they were sent', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const job = newJob({ revision: 7, traceparent });
      const { takeNext } = await consumeByHand();
      await near.publishJob(job);
      const { delivery, settle } = await takeNext();
      expect(delivery).toEqual({
        job,
        messageId: `${job.generationId}:7`,
        redelivered: false,
      });
      settle('acknowledge');
    });

    test('wait for a consumer', async () => {
      const job = newJob();
      await near.publishJob(job);
      const { takeNext } = await consumeByHand();
      const { delivery, settle } = await takeNext();
      expect(delivery.job).toEqual(job);
      settle('acknowledge');
    });

    test('that wait are handed over one after another, as soon as each is settled', async () => {
      const jobs = Array.from({ length: 10 }, () => newJob());
      for (const job of jobs) await near.publishJob(job);
      const seen: string[] = [];
      await far.consumeJobs({ model: 'pinhole', prefetch: 1 }, async ({ job }) => {
        seen.push(job.generationId);
        return 'acknowledge';
      });
      await vi.waitFor(() => expect(seen).toEqual(jobs.map((job) => job.generationId)), 10_000);
    });

    test('arrive all, none twice, shared among consumers', async () => {
      const jobs = Array.from({ length: 200 }, () => newJob());
      const heard: string[][] = [[], []];
      for (const list of heard) {
        await far.consumeJobs({ model: 'pinhole', prefetch: 5 }, async ({ job }) => {
          list.push(job.generationId);
          return 'acknowledge';
        });
      }
      await Promise.all(jobs.map((job) => near.publishJob(job)));
      await vi.waitFor(() => expect(heard.flat()).toHaveLength(200), 10_000);
      expect(new Set(heard.flat())).toEqual(new Set(jobs.map((job) => job.generationId)));
      for (const list of heard) expect(list.length).toBeGreaterThan(0);
    });

    test('of another model stay in their own queue', async () => {
      const { takeNext, inHand } = await consumeByHand({ model: 'other' });
      await near.publishJob(newJob({ model: 'pinhole' }));
      const mine = newJob({ model: 'other' });
      await near.publishJob(mine);
      const { delivery, settle } = await takeNext();
      expect(delivery.job).toEqual(mine);
      expect(inHand).toEqual([]);
      settle('acknowledge');
    });

    test('come no faster than prefetch allows', async () => {
      const { inHand, takeNext } = await consumeByHand({ prefetch: 2 });
      const jobs = [newJob(), newJob(), newJob()];
      for (const job of jobs) await near.publishJob(job);
      await vi.waitFor(() => expect(inHand).toHaveLength(2), 10_000);
      // The way to the broker and back: a third delivery would have come with it.
      await near.publishJob(newJob({ model: 'other' }));
      expect(inHand).toHaveLength(2);
      const first = await takeNext();
      first.settle('acknowledge');
      await vi.waitFor(() => expect(inHand).toHaveLength(2), 10_000);
      expect(inHand[1]?.delivery.job).toEqual(jobs[2]);
      for (const { settle } of inHand) settle('acknowledge');
    });

    test('are counted while they wait, and no longer when a consumer has them in hand', async () => {
      expect(await near.countJobs('pinhole')).toBe(0);
      for (let i = 0; i < 3; i++) await near.publishJob(newJob());
      await vi.waitFor(async () => expect(await near.countJobs('pinhole')).toBe(3), 10_000);
      expect(await near.countJobs('other')).toBe(0);
      const { takeNext } = await consumeByHand({ prefetch: 1 });
      const { settle } = await takeNext();
      await vi.waitFor(async () => expect(await near.countJobs('pinhole')).toBe(2), 10_000);
      settle('acknowledge');
    });

    test('published twice while in hand are handled once', async () => {
      const { inHand, takeNext } = await consumeByHand();
      const job = newJob();
      const after = newJob();
      await near.publishJob(job);
      const held = await takeNext();
      await near.publishJob(job);
      await near.publishJob(after);
      const next = await takeNext();
      expect(next.delivery.job).toEqual(after);
      held.settle('acknowledge');
      next.settle('acknowledge');
      const last = newJob();
      await near.publishJob(last);
      const final = await takeNext();
      expect(final.delivery.job).toEqual(last);
      expect(inHand).toEqual([]);
      final.settle('acknowledge');
    });
  });

  describe('a handler that', () => {
    test('says requeue gets the job again under the same message id', async () => {
      const { takeNext } = await consumeByHand();
      await near.publishJob(newJob());
      const first = await takeNext();
      first.settle('requeue');
      const second = await takeNext();
      expect(second.delivery).toEqual({ ...first.delivery, redelivered: true });
      second.settle('acknowledge');
    });

    test('throws gets the job again', async () => {
      const job = newJob();
      const seen: JobDelivery[] = [];
      await far.consumeJobs({ model: 'pinhole', prefetch: 1 }, async (delivery) => {
        seen.push(delivery);
        if (seen.length === 1) throw new Error('the database is away');
        return 'acknowledge';
      });
      await near.publishJob(job);
      await vi.waitFor(() => expect(seen).toHaveLength(2), 10_000);
      expect(seen.map(({ redelivered }) => redelivered)).toEqual([false, true]);
    });

    test('rejects never sees the job again', async () => {
      const { takeNext, inHand } = await consumeByHand({ prefetch: 1 });
      await near.publishJob(newJob());
      (await takeNext()).settle('reject');
      const next = newJob();
      await near.publishJob(next);
      const { delivery, settle } = await takeNext();
      expect(delivery.job).toEqual(next);
      expect(inHand).toEqual([]);
      settle('acknowledge');
    });
  });

  describe('stopping', () => {
    test('waits for the handlers in hand and leaves the rest to others', async () => {
      const { subscription, takeNext, inHand } = await consumeByHand({ prefetch: 1 });
      const jobs = [newJob(), newJob()];
      for (const job of jobs) await near.publishJob(job);
      const held = await takeNext();
      let stopped = false;
      const stopping = subscription.stop().then(() => {
        stopped = true;
      });
      const successor = await consumeByHand();
      const rest = await successor.takeNext();
      expect(rest.delivery.job).toEqual(jobs[1]);
      expect(stopped).toBe(false);
      held.settle('acknowledge');
      await stopping;
      expect(inHand).toEqual([]);
      rest.settle('acknowledge');
    });

    test('gives back what waited to be delivered again', async () => {
      const { subscription, takeNext } = await consumeByHand();
      const job = newJob();
      await near.publishJob(job);
      (await takeNext()).settle('requeue');
      await subscription.stop();
      const { delivery, settle } = await (await consumeByHand()).takeNext();
      expect(delivery.job).toEqual(job);
      expect(delivery.redelivered).toBe(true);
      settle('acknowledge');
    });

    test('close waits for the handlers in hand', async () => {
      const { takeNext } = await consumeByHand();
      await near.publishJob(newJob());
      const held = await takeNext();
      let closed = false;
      const closing = far.close().then(() => {
        closed = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(closed).toBe(false);
      held.settle('acknowledge');
      await closing;
    });

    test('a closed broker is not ready and takes no job', async () => {
      expect(near.isReady()).toBe(true);
      await near.close();
      expect(near.isReady()).toBe(false);
      await expect(near.publishJob(newJob())).rejects.toMatchObject({ kind: 'unavailable' });
    });
  });

  describeKeeping(() => ({ near, far }));
  describeEvents(() => ({ near, far }));
}
