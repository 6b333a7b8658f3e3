import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { newGeneration, past } from './new-generation.ts';

/** Calls at once, of which the store may make one statement: each gets its own answer. */
export function testBatch(store: () => GenerationStore): void {
  const settled = <T>(calls: Promise<T>[]) => Promise.allSettled(calls);

  test('creates at once make each its own record', async () => {
    const { look } = actors(store());
    const inputs = Array.from({ length: 40 }, (_, seed) => {
      const input = newGeneration();
      return { ...input, request: { ...input.request, seed } };
    });
    const made = await Promise.all(inputs.map((input) => store().create(input)));
    for (const [i, { record, created }] of made.entries()) {
      expect(created).toBe(true);
      expect(record).toMatchObject({ id: inputs[i]?.id, request: { seed: i } });
      expect(await look(record)).toEqual(record);
    }
  });

  test('a create that is refused leaves those beside it alone', async () => {
    const idempotency = { key: 'k', fingerprint: 'f' };
    const first = newGeneration({ idempotency });
    const results = await settled([
      store().create(newGeneration()),
      store().create(first),
      store().create({ ...first, id: randomUUID() }),
      store().create({ ...first, id: randomUUID(), idempotency: { key: 'k', fingerprint: 'g' } }),
      store().create(newGeneration({ deadline: '0000-01-01T00:00:00Z' })),
      store().create(newGeneration()),
    ]);
    const fulfilled = results.map((one) => (one.status === 'fulfilled' ? one.value : undefined));
    expect(fulfilled.map((one) => one?.created)).toEqual([
      true,
      true,
      false,
      undefined,
      undefined,
      true,
    ]);
    expect(fulfilled[2]?.record).toEqual(fulfilled[1]?.record);
    expect(results[3]).toMatchObject({ reason: { kind: 'conflict' } });
    expect(results[4]).toMatchObject({ reason: { kind: 'request' } });
  });

  test('claims at once are each judged by their own record', async () => {
    const { created, claim, claimed, look } = actors(store());
    const [free, held, over, ended, expired] = [
      await created(),
      await created(),
      await created(),
      await created(),
      await created({ deadline: past }),
    ];
    await claimed(held.id);
    await claimed(over.id, { leaseMs: 0 });
    await store().requestCancel(ended.tenant, ended.id);
    const results = await Promise.all([
      claim(free.id),
      claim(held.id),
      claim(ended.id),
      claim(expired.id),
      claim(randomUUID()),
      claim(over.id, { worker: 'worker-2' }),
    ]);
    expect(results).toEqual([
      { claimed: true, claim: { record: await look(free), fence: 1 } },
      { claimed: false, reason: 'leased', leftMs: expect.any(Number) },
      { claimed: false, reason: 'terminal' },
      { claimed: false, reason: 'expired' },
      { claimed: false, reason: 'unknown' },
      { claimed: true, claim: { record: await look(over), fence: 2 } },
    ]);
  });

  test('of claims of one record at once exactly one gets it', async () => {
    const { created, claim } = actors(store());
    const { id } = await created();
    const results = await Promise.all([claim(id), claim(id), claim(id)]);
    expect(results.filter(({ claimed }) => claimed)).toHaveLength(1);
  });

  test('completions at once are each held to their own fence', async () => {
    const { created, claimed, complete, look } = actors(store());
    const records = [await created(), await created(), await created()];
    const [first, lost, again] = await Promise.all(
      records.map(({ id }, n) => claimed(id, { leaseMs: n === 1 ? 0 : 60_000 })),
    );
    if (!first || !lost || !again) throw new Error('three were claimed');
    await claimed(lost.record.id);
    await complete(again.record.id, again.fence);
    const results = await Promise.all([
      complete(first.record.id, first.fence),
      complete(lost.record.id, lost.fence),
      complete(again.record.id, again.fence),
      complete(randomUUID(), 1),
    ]);
    expect(results).toEqual([true, false, true, false]);
    expect((await look(first.record)).state).toBe('succeeded');
    expect((await look(lost.record)).state).toBe('running');
  });

  test('publications at once are each held to their own revision', async () => {
    const { created, look } = actors(store());
    const [current, old] = [await created(), await created()];
    await Promise.all([
      store().markPublished(current.id, current.revision),
      store().markPublished(old.id, old.revision - 1),
      store().markPublished(randomUUID(), 1),
    ]);
    expect((await look(current)).published).toBe(true);
    expect((await look(old)).published).toBe(false);
  });
}
