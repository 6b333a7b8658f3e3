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
    test.each(['worker-1', 'worker-2'])(
      'refuses %s, and says how long the lease has left',
      async (worker) => {
        const { created, claim, claimed, heartbeat, look } = actors(store());
        const record = await created();
        const { fence } = await claimed(record.id, { leaseMs: 60_000 });
        const before = await look(record);
        const refused = await claim(record.id, { worker });
        expect(refused).toEqual({ claimed: false, reason: 'leased', leftMs: expect.any(Number) });
        const { leftMs } = refused as typeof refused & { leftMs: number };
        expect(leftMs).toBeGreaterThan(30_000);
        expect(leftMs).toBeLessThanOrEqual(60_000);
        expect(await look(record)).toEqual(before);
        expect(await heartbeat(record.id, fence, 120_000)).toBe('held');
        expect(await claim(record.id, { worker })).toMatchObject({
          leftMs: expect.toSatisfy((ms) => ms > 60_000 && ms <= 120_000),
        });
      },
    );

    test('lets anyone take over when the lease has run out by its own clock, not before', async () => {
      const { created, claim, claimed } = actors(store());
      const { id } = await created();
      const leaseMs = 500;
      const asked = performance.now();
      const first = await claimed(id, { leaseMs });
      let second = await claim(id, { worker: 'worker-2' });
      while (!second.claimed) {
        // Measured in milliseconds, whatever the machine does in between.
        expect(second).toMatchObject({ reason: 'leased' });
        expect('leftMs' in second && second.leftMs).toBeLessThanOrEqual(leaseMs);
        expect(performance.now() - asked).toBeLessThan(60_000);
        second = await claim(id, { worker: 'worker-2' });
      }
      expect(performance.now() - asked).toBeGreaterThanOrEqual(leaseMs);
      expect(second.claim.fence).toBe(first.fence + 1);
      expect(second.claim.record.attempt).toBe(2);
    });

    test('grants a claim again to who repeats it, and renews the lease', async () => {
      const { created, claim, claimed, heartbeat, look } = actors(store());
      const record = await created();
      const first = await claimed(record.id, { claimId: 'claim-1', leaseMs: 0 });
      const again = await claimed(record.id, { claimId: 'claim-1' });
      expect(again).toEqual({ record: await look(record), fence: first.fence });
      expect(again.record).toMatchObject({ attempt: 1, evidence: [] });
      expect(await claim(record.id)).toMatchObject({ reason: 'leased' });
      expect(await heartbeat(record.id, first.fence)).toBe('held');
    });

    test('does not grant a claim again that another has taken over from', async () => {
      const { created, claim, claimed } = actors(store());
      const { id } = await created();
      await claimed(id, { claimId: 'claim-1', leaseMs: 0 });
      await claimed(id, { claimId: 'claim-2' });
      expect(await claim(id, { claimId: 'claim-1' })).toMatchObject({ reason: 'leased' });
    });

    test('starts over where nothing of the lost run was saved', async () => {
      const { created, claimed, heartbeat, look } = actors(store());
      const record = await created();
      const { fence } = await claimed(record.id);
      await heartbeat(record.id, fence, 0);
      expect((await look(record)).progress.step).toBe(5);
      expect((await claimed(record.id)).record.progress.step).toBe(0);
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
