import { describe, expect, test, vi } from 'vitest';
import { consumeByHand } from './consume-by-hand.ts';
import type { Ends } from './ends.ts';
import { newJob } from './messages.ts';

/** The part of the contract about messages that are kept; `ends` gives the brokers of the running test. */
export function describeKeeping(ends: () => Ends): void {
  describe('a message that is kept', () => {
    test('lets another come in its place, and no more', async () => {
      const { inHand, takeNext } = await consumeByHand(ends().far, { prefetch: 1 });
      const [first, second, third] = [newJob(), newJob(), newJob()];
      for (const job of [first, second, third]) await ends().near.publishJob(job);
      const kept = await takeNext();
      kept.keep();
      kept.keep();
      const next = await takeNext();
      expect(next.delivery.job).toEqual(second);
      kept.settle('acknowledge');
      // The way to the broker and back, by another queue: a delivery too many would come before it.
      const other = await consumeByHand(ends().far, { model: 'other' });
      await ends().near.publishJob(newJob({ model: 'other' }));
      (await other.takeNext()).settle('acknowledge');
      expect(inHand).toEqual([]);
      next.settle('acknowledge');
      const last = await takeNext();
      expect(last.delivery.job).toEqual(third);
      last.settle('acknowledge');
      await vi.waitFor(async () => expect(await ends().near.countJobs('pinhole')).toBe(0), 10_000);
    });

    test('is not handled again when it comes once more, and lets one more come for that', async () => {
      const { takeNext } = await consumeByHand(ends().far, { prefetch: 1 });
      const [job, after] = [newJob(), newJob()];
      await ends().near.publishJob(job);
      const kept = await takeNext();
      kept.keep();
      await ends().near.publishJob(job);
      await ends().near.publishJob(after);
      const next = await takeNext();
      expect(next.delivery.job).toEqual(after);
      kept.settle('acknowledge');
      next.settle('acknowledge');
      await vi.waitFor(async () => expect(await ends().near.countJobs('pinhole')).toBe(0), 10_000);
    });

    test('goes back to the queue on requeue, for another consumer while this one is busy', async () => {
      const { takeNext, inHand } = await consumeByHand(ends().far, { prefetch: 1 });
      const [job, after] = [newJob(), newJob()];
      await ends().near.publishJob(job);
      await ends().near.publishJob(after);
      const kept = await takeNext();
      kept.keep();
      const busy = await takeNext();
      const other = await consumeByHand(ends().far, { prefetch: 1 });
      kept.settle('requeue');
      const again = await other.takeNext();
      expect(again.delivery).toEqual({ ...kept.delivery, redelivered: true });
      expect(inHand).toEqual([]);
      for (const { settle } of [busy, again]) settle('acknowledge');
    });

    test('is kept and goes back as often as its handlers say so', async () => {
      const consumers = [
        await consumeByHand(ends().far, { prefetch: 1 }),
        await consumeByHand(ends().far, { prefetch: 1 }),
      ];
      const next = () =>
        vi.waitFor(() => {
          const [found] = consumers.flatMap(({ inHand }) => inHand.splice(0, 1));
          return found ?? expect.fail('no delivery');
        }, 10_000);
      const job = newJob();
      await ends().near.publishJob(job);
      for (let n = 0; n < 8; n++) {
        const again = await next();
        expect(again.delivery.job).toEqual(job);
        again.keep();
        again.settle('requeue');
      }
      (await next()).settle('acknowledge');
    });

    test('goes back to the queue when its consumer stops', async () => {
      const { subscription, takeNext } = await consumeByHand(ends().far, { prefetch: 1 });
      const job = newJob();
      await ends().near.publishJob(job);
      const kept = await takeNext();
      kept.keep();
      const stopped = subscription.stop();
      kept.settle('requeue');
      await stopped;
      const again = await (await consumeByHand(ends().far)).takeNext();
      expect(again.delivery).toEqual({ ...kept.delivery, redelivered: true });
      again.settle('acknowledge');
    });
  });
}
