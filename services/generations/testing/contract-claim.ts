import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { past } from './new-generation.ts';

export function testClaim(store: () => GenerationStore): void {
  test('takes a queued record, counts the attempt and measures the wait', async () => {
    const { created, claimed, look } = actors(store());
    const queued = await created();
    const { record, fence } = await claimed(queued.id);
    expect(fence).toBe(1);
    expect(record).toMatchObject({ state: 'running', attempt: 1 });
    expect(record.revision).toBeGreaterThan(queued.revision);
    expect(record.timings.queuedMs).toBeGreaterThan(0);
    expect(record.timings.queuedMs).toBeLessThan(60_000);
    expect(await look(queued)).toEqual(record);
  });

  test('does not know an id that was never recorded', async () => {
    const result = await actors(store()).claim(randomUUID());
    expect(result).toEqual({ claimed: false, reason: 'unknown' });
  });

  test('refuses what has ended, and changes nothing about it', async () => {
    const { created, claim, claimed, complete, look } = actors(store());
    const record = await created();
    await complete(record.id, (await claimed(record.id)).fence);
    const before = await look(record);
    expect(await claim(record.id)).toEqual({ claimed: false, reason: 'terminal' });
    expect(await look(record)).toEqual(before);

    const canceled = await created();
    await store().requestCancel(canceled.tenant, canceled.id);
    expect(await claim(canceled.id)).toEqual({ claimed: false, reason: 'terminal' });
  });

  test('fails what has expired', async () => {
    const { created, claim, look } = actors(store());
    const record = await created({ deadline: past });
    expect(await claim(record.id)).toEqual({ claimed: false, reason: 'expired' });
    const after = await look(record);
    expect(after).toMatchObject({ state: 'failed', attempt: 0, error: { code: 'EXPIRED' } });
    expect(after.finishedAt).not.toBeNull();
  });

  test('fails what has used up its attempts', async () => {
    const { created, claim, claimed, look } = actors(store());
    const record = await created();
    for (let attempt = 0; attempt < 2; attempt++) await claimed(record.id, { leaseMs: 0 });
    expect(await claim(record.id, { maxAttempts: 2 })).toEqual({
      claimed: false,
      reason: 'attempts',
    });
    const after = await look(record);
    expect(after).toMatchObject({ state: 'failed', attempt: 2, error: { code: 'ATTEMPTS' } });
    expect(after.error?.message).toContain('2 times');
  });

  describe('on a record that is leased', () => {
    test.each([
      ['another message', { messageId: 'message-2', redelivered: false }],
      ['another message, redelivered', { messageId: 'message-2', redelivered: true }],
      ['a copy of the same message', { messageId: 'message-1', redelivered: false }],
    ])('refuses %s', async (_, message) => {
      const { created, claim, claimed, heartbeat } = actors(store());
      const { id } = await created();
      const { fence } = await claimed(id);
      expect(await claim(id, message)).toEqual({ claimed: false, reason: 'leased' });
      expect(await heartbeat(id, fence)).toBe('held');
    });

    test('lets a redelivery of the very message take over, with a new fence', async () => {
      const { created, claimed, heartbeat, look } = actors(store());
      const record = await created();
      const first = await claimed(record.id);
      await heartbeat(record.id, first.fence);
      const second = await claimed(record.id, { redelivered: true, worker: 'worker-2' });
      expect(second.fence).toBe(first.fence + 1);
      expect(await heartbeat(record.id, first.fence)).toBe('lost');
      expect(await look(record)).toMatchObject({ attempt: 2, progress: { step: 0 } });
    });

    test('lets any message take over once the lease has run out', async () => {
      const { created, claimed } = actors(store());
      const { id } = await created();
      const first = await claimed(id, { leaseMs: 0 });
      const second = await claimed(id, { messageId: 'message-2' });
      expect(second.fence).toBe(first.fence + 1);
    });

    test('settles the cancel of a worker that is gone', async () => {
      const { created, claim, claimed, look } = actors(store());
      const record = await created();
      await claimed(record.id, { leaseMs: 0 });
      await store().requestCancel(record.tenant, record.id);
      expect(await claim(record.id)).toEqual({ claimed: false, reason: 'terminal' });
      expect((await look(record)).state).toBe('canceled');
    });
  });
}
