import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { freshDatabase } from '../../../scripts/test-servers/index.ts';
import type { GenerationStore } from '../store.ts';
import { actors } from '../testing/actors.ts';
import { newGeneration } from '../testing/new-generation.ts';
import { connectPostgresStore, migratePostgres } from './postgres-store.ts';

/** Each race is run this often, over connections that are open already. */
const ROUNDS = 25;
const RIVALS = 8;

describe('at the same time on Postgres', () => {
  let store: GenerationStore;
  beforeAll(async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await migratePostgres(connectionString);
    store = await connectPostgresStore({ connectionString, maxConnections: RIVALS });
    await Promise.all(Array.from({ length: RIVALS }, () => store.check()));
  });
  afterAll(() => store.close());

  const rivals = <T>(act: (rival: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: RIVALS }, (_, rival) => act(rival)));

  test('of many claims exactly one gets a queued record', async () => {
    const { created, claim, look } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const record = await created();
      const results = await rivals((n) => claim(record.id, { messageId: `message-${n}` }));
      expect(results.filter(({ claimed }) => claimed)).toHaveLength(1);
      expect(
        results.filter((result) => !result.claimed && result.reason === 'leased'),
      ).toHaveLength(RIVALS - 1);
      expect((await look(record)).attempt).toBe(1);
    }
  });

  test('of many claims exactly one takes over a lease that has run out', async () => {
    const { created, claim, claimed } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await created();
      await claimed(id, { leaseMs: 0 });
      const results = await rivals((n) => claim(id, { messageId: `message-${n}` }));
      const fences = results.flatMap((result) => (result.claimed ? [result.claim.fence] : []));
      expect(fences).toEqual([2]);
    }
  });

  test('creates with one key and body make one record', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const input = newGeneration({ idempotency: { key: 'k', fingerprint: 'f' } });
      const results = await rivals(() => store.create({ ...input, id: randomUUID() }));
      expect(results.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(results.map(({ record }) => record.id)).size).toBe(1);
      expect((await store.list(input.tenant, { limit: 10 })).records).toHaveLength(1);
    }
  });

  test('creates with one key and different bodies make one record and conflicts', async () => {
    const input = newGeneration();
    const results = await Promise.allSettled(
      Array.from({ length: RIVALS }, (_, n) =>
        store.create({
          ...input,
          id: randomUUID(),
          idempotency: { key: 'k', fingerprint: `f${n}` },
        }),
      ),
    );
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason] : [],
    );
    expect(reasons).toHaveLength(RIVALS - 1);
    for (const reason of reasons) expect(reason).toMatchObject({ kind: 'conflict' });
  });

  test('sweeps part the work between them', async () => {
    const { created, claimed, sweep } = actors(store);
    const due = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const { id, revision } = await created();
      due.add(id);
      if (i % 2 === 0) await claimed(id, { leaseMs: 0 });
      else await store.markPublished(id, revision);
    }
    const swept: string[] = [];
    let round: string[];
    do {
      const sweeps = await rivals(() => sweep({ limit: 10, republishAfterMs: 0, graceMs: 60_000 }));
      round = sweeps.flat().map(({ id }) => id);
      swept.push(...round);
    } while (round.length > 0);
    expect(swept.filter((id) => due.has(id)).sort()).toEqual([...due].sort());
  });

  test('a completion and a takeover: one of them wins', async () => {
    const { created, claim, claimed, complete, look } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const record = await created();
      const { fence } = await claimed(record.id, { leaseMs: 0 });
      const [completed, taken] = await Promise.all([complete(record.id, fence), claim(record.id)]);
      expect(completed).toBe(!taken.claimed);
      expect((await look(record)).state).toBe(completed ? 'succeeded' : 'running');
    }
  });

  test('a completion and a requeue by the sweep: one of them wins', async () => {
    const { created, claimed, complete, sweep, look } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const record = await created();
      const { fence } = await claimed(record.id, { leaseMs: 0 });
      const [completed] = await Promise.all([complete(record.id, fence), sweep()]);
      expect((await look(record)).state).toBe(completed ? 'succeeded' : 'queued');
    }
  });

  test('a cancel and a claim: the record is canceled, or its worker is told', async () => {
    const { created, claim, heartbeat, look } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const record = await created();
      const [result] = await Promise.all([
        claim(record.id),
        store.requestCancel(record.tenant, record.id),
      ]);
      if (result.claimed) {
        expect(await heartbeat(record.id, result.claim.fence)).toBe('cancel-requested');
      } else {
        expect((await look(record)).state).toBe('canceled');
      }
    }
  });

  test('a cancel and a completion: the pictures stand', async () => {
    const { created, claimed, complete, look } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const record = await created();
      const { fence } = await claimed(record.id);
      const [completed] = await Promise.all([
        complete(record.id, fence),
        store.requestCancel(record.tenant, record.id),
      ]);
      expect(completed).toBe(true);
      expect((await look(record)).state).toBe('succeeded');
    }
  });
});
