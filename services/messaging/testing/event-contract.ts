import type { GenerationEvent } from '@darkroom/contract';
import { describe, expect, test, vi } from 'vitest';
import type { Ends } from './ends.ts';
import { newCancel, newProgress } from './messages.ts';

/** The part of the contract about events; `ends` gives the brokers of the running test. */
export function describeEvents(ends: () => Ends): void {
  async function hear(type: GenerationEvent['type'] | 'all') {
    const heard: GenerationEvent[] = [];
    const subscription = await ends().near.subscribeEvents(type, (event) => heard.push(event));
    return { heard, subscription };
  }

  describe('events', () => {
    test('reach those who listen to their type, or to all, in order', async () => {
      const [cancels, progress, all] = [
        await hear('cancel'),
        await hear('progress'),
        await hear('all'),
      ];
      const preview = { index: 0, step: 2, url: 'data:image/jpeg;base64,AAAA' };
      const events = [newProgress(1), newCancel(), { ...newProgress(2), preview }];
      for (const event of events) ends().far.publishEvent(event);
      await vi.waitFor(() => expect(all.heard).toEqual(events), 10_000);
      await vi.waitFor(() => expect(cancels.heard).toEqual([events[1]]), 10_000);
      await vi.waitFor(() => expect(progress.heard).toEqual([events[0], events[2]]), 10_000);
    });

    test('are lost where nobody listens, and the later ones heard', async () => {
      ends().far.publishEvent(newProgress(1));
      const { heard } = await hear('all');
      const later = newProgress(2);
      ends().far.publishEvent(later);
      await vi.waitFor(() => expect(heard.at(-1)).toEqual(later), 10_000);
    });

    test('are not heard after stop', async () => {
      const stopped = await hear('all');
      const going = await hear('all');
      await stopped.subscription.stop();
      const event = newProgress();
      ends().far.publishEvent(event);
      await vi.waitFor(() => expect(going.heard).toEqual([event]), 10_000);
      expect(stopped.heard).toEqual([]);
    });

    test('reach the others when one listener fails', async () => {
      await ends().near.subscribeEvents('all', () => {
        throw new Error('a listener that fails');
      });
      const { heard } = await hear('all');
      const events = [newProgress(1), newProgress(2)];
      for (const event of events) ends().far.publishEvent(event);
      await vi.waitFor(() => expect(heard).toEqual(events), 10_000);
    });

    test('of a generation that is followed are heard until it no longer is', async () => {
      const heard: GenerationEvent[] = [];
      const follower = await ends().near.followEvents((event) => heard.push(event));
      const { heard: all } = await hear('all');
      const [first, second] = [newProgress(1), newProgress(1)];
      const again = (event: GenerationEvent) => ({ ...event, revision: event.revision + 1 });
      await Promise.all([
        follower.follow(first.generationId),
        follower.follow(second.generationId),
      ]);
      await follower.follow(second.generationId);
      follower.unfollow(first.generationId);
      follower.unfollow(second.generationId);
      for (const event of [second, again(second)]) ends().far.publishEvent(event);
      await vi.waitFor(() => expect(heard).toEqual([second, again(second)]), 10_000);
      await follower.stop();
      ends().far.publishEvent(second);
      await vi.waitFor(() => expect(all).toHaveLength(3), 10_000);
      expect(heard).toHaveLength(2);
    });

    test('are told to a closed broker without an error', async () => {
      await ends().far.close();
      expect(() => ends().far.publishEvent(newProgress())).not.toThrow();
    });
  });
}
