import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { newGeneration } from './new-generation.ts';

/** Of `newGeneration`: 2 pictures of 10 steps. */
const checkpoint = { key: 'tenant/generation/checkpoint-abc', picture: 1, step: 3 };

export function testRuns(store: () => GenerationStore): void {
  describe('a receipt', () => {
    test('says that a queued cancel ran nothing and spared everything, at a cost unknown', async () => {
      const { created } = actors(store());
      const { tenant, id } = await created();
      expect((await store().requestCancel(tenant, id))?.receipt).toEqual({
        stepsRun: 0,
        stepsSpared: 20,
        gpuMs: 0,
        gpuMsSpared: null,
      });
    });

    test('says what was run until the worker stopped, and what the rest would have cost', async () => {
      const { created, claimed, look } = actors(store());
      const record = await created();
      const { id, tenant } = record;
      const { fence } = await claimed(id);
      expect((await store().requestCancel(tenant, id))?.receipt).toBeNull();
      const progress = { step: 5, steps: 20 };
      await store().settleCancel({ id, fence, progress, ran: { steps: 5, gpuMs: 50.5 } });
      expect((await look(record)).receipt).toEqual({
        stepsRun: 5,
        stepsSpared: 15,
        gpuMs: 50.5,
        gpuMsSpared: 151.5,
      });
    });

    test('adds up what every attempt has run, lost ones by their last heartbeat', async () => {
      const { created, claimed, sweep } = actors(store());
      const { id, tenant } = await created();
      const first = await claimed(id);
      const progress = { step: 4, steps: 20 };
      const lease = { id, fence: first.fence, progress };
      await store().heartbeat({ ...lease, leaseMs: 60_000, ran: { steps: 2, gpuMs: 20 } });
      await store().heartbeat({ ...lease, leaseMs: 0, ran: { steps: 4, gpuMs: 40 } });
      await sweep();
      const { fence } = await claimed(id);
      await store().release({ id, fence, countAttempt: false, ran: { steps: 6, gpuMs: 60 } });
      expect((await store().requestCancel(tenant, id))?.receipt).toEqual({
        stepsRun: 10,
        stepsSpared: 20,
        gpuMs: 100,
        gpuMsSpared: 200,
      });
    });

    test('counts each attempt once, whether or not it ran anything', async () => {
      const { created, claimed, look } = actors(store());
      const record = await created();
      const { id, tenant } = record;
      const first = await claimed(id);
      const progress = { step: 4, steps: 20 };
      const ran = { steps: 4, gpuMs: 40 };
      await store().heartbeat({ id, fence: first.fence, leaseMs: 0, progress, ran });
      await claimed(id, { leaseMs: 0 });
      const { fence } = await claimed(id);
      await store().requestCancel(tenant, id);
      await store().settleCancel({ id, fence, progress, ran: { steps: 2, gpuMs: 20 } });
      expect((await look(record)).receipt).toMatchObject({ stepsRun: 6, gpuMs: 60 });
    });

    test('is given for a cancel alone', async () => {
      const { created, claimed, complete, look } = actors(store());
      const record = await created();
      await complete(record.id, (await claimed(record.id)).fence);
      expect((await look(record)).receipt).toBeNull();
    });
  });

  describe('a checkpoint', () => {
    test('comes with the next claim, whose progress goes on from it', async () => {
      const { created, claimed } = actors(store());
      const { id } = await created();
      const { fence } = await claimed(id);
      const released = await store().release({ id, fence, countAttempt: false, checkpoint });
      expect(released).toMatchObject({ checkpoint, progress: { step: 13, steps: 20 } });
      const { record } = await claimed(id);
      expect(record).toMatchObject({ checkpoint, progress: { step: 13, steps: 20 } });
    });

    test('outlives attempts that save none', async () => {
      const { created, claimed, sweep, look } = actors(store());
      const record = await created();
      const { id } = record;
      const { fence } = await claimed(id);
      await store().release({ id, fence, countAttempt: false, checkpoint });
      const second = await claimed(id);
      await store().release({ id, fence: second.fence, countAttempt: false });
      expect(await look(record)).toMatchObject({ checkpoint, progress: { step: 13 } });
      await claimed(id, { leaseMs: 0 });
      await sweep();
      expect(await look(record)).toMatchObject({ checkpoint, progress: { step: 13 } });
    });

    test('counts as run when its generation is canceled while it waits', async () => {
      const { created, claimed } = actors(store());
      const { id, tenant } = await created();
      const { fence } = await claimed(id);
      const ran = { steps: 13, gpuMs: 130 };
      await store().release({ id, fence, countAttempt: false, checkpoint, ran });
      expect((await store().requestCancel(tenant, id))?.receipt).toEqual({
        stepsRun: 13,
        stepsSpared: 7,
        gpuMs: 130,
        gpuMsSpared: 70,
      });
    });
  });

  describe('evidence', () => {
    test('names every attempt that was lost, and how', async () => {
      const { created, claim, claimed, look } = actors(store());
      const record = await created();
      const { id } = record;
      await claimed(id, { worker: 'first', leaseMs: 0 });
      await claimed(id, { worker: 'second', leaseMs: 0 });
      const { fence } = await claimed(id, { worker: 'third' });
      await store().release({ id, fence, countAttempt: true, lastWords: 'out of memory' });
      expect(await claim(id)).toEqual({ claimed: false, reason: 'attempts' });
      const { evidence, error } = await look(record);
      const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      expect(evidence).toEqual([
        { worker: 'first', attempt: 1, at, cause: 'lease-ended', lastWords: null },
        { worker: 'second', attempt: 2, at, cause: 'lease-ended', lastWords: null },
        { worker: 'third', attempt: 3, at, cause: 'engine-died', lastWords: 'out of memory' },
      ]);
      expect(error?.code).toBe('ATTEMPTS');
      expect(await store().evidence(id)).toEqual(evidence);
      expect(await store().evidence(randomUUID())).toBeUndefined();
    });

    test('is noted by the sweep too', async () => {
      const { created, claimed, sweep, look } = actors(store());
      const record = await created();
      await claimed(record.id, { leaseMs: 0 });
      await sweep({ maxAttempts: 1 });
      expect(await look(record)).toMatchObject({
        state: 'failed',
        evidence: [{ worker: 'worker-1', attempt: 1, cause: 'lease-ended' }],
      });
    });

    test('keeps last words of any bytes and any length', async () => {
      const { created, claimed } = actors(store());
      const { id } = await created();
      const { fence } = await claimed(id);
      const lastWords = `\0\u{d800}${'x'.repeat(1_000_000)}`;
      const released = await store().release({ id, fence, countAttempt: true, lastWords });
      expect(released?.evidence[0]?.lastWords).toMatch(/^\uFFFD\uFFFDx{3000,4000}$/);
      const again = await claimed(id);
      const error = { code: 'ENGINE', message: 'a\0b' } as const;
      expect(await store().fail({ id, fence: again.fence, error })).toBe(true);
    });

    test('is not made of a hand-back', async () => {
      const { created, claimed } = actors(store());
      const { id } = await created();
      const { fence } = await claimed(id);
      const released = await store().release({ id, fence, countAttempt: false });
      expect(released?.evidence).toEqual([]);
    });
  });

  test('a redriven generation names the one that it repeats', async () => {
    const { created } = actors(store());
    const { id, tenant } = await created();
    const { record } = await store().create(newGeneration({ tenant, redriveOf: id }));
    expect(record.redriveOf).toBe(id);
    expect((await store().get(tenant, record.id))?.redriveOf).toBe(id);
  });
}
