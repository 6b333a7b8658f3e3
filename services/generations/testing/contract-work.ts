import { expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { storedImage } from './new-generation.ts';

export function testWork(store: () => GenerationStore): void {
  test('a heartbeat renews the lease and notes the progress', async () => {
    const { created, claim, claimed, heartbeat, look } = actors(store());
    const record = await created();
    const { fence, record: running } = await claimed(record.id, { leaseMs: 0 });
    expect(await heartbeat(record.id, fence)).toBe('held');
    expect(await claim(record.id)).toMatchObject({ claimed: false, reason: 'leased' });
    expect(await look(record)).toEqual({ ...running, progress: { step: 5, steps: 20 } });
  });

  test('a completion keeps pictures and timings', async () => {
    const { created, claimed, complete, look } = actors(store());
    const record = await created();
    const claim = await claimed(record.id);
    expect(await complete(record.id, claim.fence)).toBe(true);
    const after = await look(record);
    expect(after).toMatchObject({
      state: 'succeeded',
      images: [storedImage],
      progress: { step: 20, steps: 20 },
      timings: { ...claim.record.timings, modelLoadMs: 1.5, inferenceMs: 20.25, storeMs: 3 },
    });
    expect(after.revision).toBeGreaterThan(claim.record.revision);
    expect(after.finishedAt).not.toBeNull();
  });

  test('a completion keeps what was cut off the prompts', async () => {
    const { created, claimed, look } = actors(store());
    const record = await created();
    expect(record.truncated).toEqual([]);
    const { fence } = await claimed(record.id);
    const truncated = [
      { field: 'prompt', tokens: 80, limit: 75, dropped: 'a “blue” 背景' } as const,
    ];
    const timings = { modelLoadMs: 1, inferenceMs: 1, storeMs: 1 };
    await store().complete({ id: record.id, fence, images: [], truncated, timings });
    expect((await look(record)).truncated).toEqual(truncated);
  });

  test('a worker that did not hear the answer may complete again', async () => {
    const { created, claimed, complete, look } = actors(store());
    const record = await created();
    const { fence } = await claimed(record.id);
    await complete(record.id, fence);
    const before = await look(record);
    expect(await complete(record.id, fence)).toBe(true);
    expect(await look(record)).toEqual(before);
  });

  test('a failure keeps its reason', async () => {
    const { created, claimed, look } = actors(store());
    const record = await created();
    const { fence } = await claimed(record.id);
    const error = { code: 'ENGINE', message: "the child's log" } as const;
    expect(await store().fail({ id: record.id, fence, error })).toBe(true);
    expect(await look(record)).toMatchObject({ state: 'failed', error });
  });

  test('a release queues again at no cost, and the wait adds up', async () => {
    const { created, claimed, heartbeat, look } = actors(store());
    const record = await created();
    await store().markPublished(record.id, record.revision);
    const first = await claimed(record.id);
    // Time in a worker's hand is no wait.
    const until = performance.now() + 300;
    while (performance.now() < until) await heartbeat(record.id, first.fence);
    const began = performance.now();
    const released = await store().release({
      id: record.id,
      fence: first.fence,
      countAttempt: false,
    });
    expect(released).toMatchObject({ state: 'queued', published: false, attempt: 0 });
    expect(released?.revision).toBeGreaterThan(first.record.revision);
    const second = await claimed(record.id);
    expect(second.fence).toBe(first.fence + 1);
    expect(second.record.attempt).toBe(1);
    const waited = (second.record.timings.queuedMs ?? 0) - (first.record.timings.queuedMs ?? 0);
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(performance.now() - began + 5);
    expect((await look(record)).state).toBe('running');
  });

  test('a release after a crash of the engine may count', async () => {
    const { created, claimed } = actors(store());
    const { id } = await created();
    const { fence } = await claimed(id);
    const released = await store().release({ id, fence, countAttempt: true });
    expect(released?.attempt).toBe(1);
  });

  test('nothing is written under an old fence', async () => {
    const { created, claimed, complete, heartbeat, look } = actors(store());
    const record = await created();
    const { id } = record;
    const { fence } = await claimed(id, { leaseMs: 0 });
    await claimed(id);
    const before = await look(record);
    expect(await heartbeat(id, fence)).toBe('lost');
    expect(await complete(id, fence)).toBe(false);
    expect(await store().fail({ id, fence, error: { code: 'ENGINE', message: '' } })).toBe(false);
    expect(await store().settleCancel({ id, fence })).toBe(false);
    expect(await store().release({ id, fence, countAttempt: false })).toBeUndefined();
    expect(await look(record)).toEqual(before);
  });

  test('nothing is written after a requeue, though no one has claimed since', async () => {
    const { created, claimed, complete, heartbeat, sweep, look } = actors(store());
    const record = await created();
    const { fence } = await claimed(record.id, { leaseMs: 0 });
    await sweep();
    expect(await heartbeat(record.id, fence)).toBe('lost');
    expect(await complete(record.id, fence)).toBe(false);
    expect((await look(record)).state).toBe('queued');
  });
}
