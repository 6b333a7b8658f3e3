import { randomUUID } from 'node:crypto';
import { freshDatabase } from '@darkroom/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from '../testing/actors.ts';
import { newGeneration } from '../testing/new-generation.ts';
import { connectPostgresStore, migratePostgres } from './postgres-store.ts';

/** Each race is run this often, between stores as replicas have them, connected already. */
const ROUNDS = 25;
const RIVALS = 8;

describe('at the same time on Postgres', () => {
  let stores: GenerationStore[];
  let store: GenerationStore;
  let other: GenerationStore;
  beforeAll(async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await migratePostgres(connectionString);
    const connect = () => connectPostgresStore({ connectionString, maxConnections: 2 });
    const connected = await Promise.all([connect(), connect()]);
    [store, other] = connected;
    stores = [...connected, ...(await Promise.all(Array.from({ length: RIVALS - 2 }, connect)))];
  });
  afterAll(() => Promise.all(stores.map((one) => one.close())));

  const rivals = <T>(act: (rival: GenerationStore, n: number) => Promise<T>): Promise<T[]> =>
    Promise.all(stores.map(act));

  test('of many claims exactly one gets a queued record', async () => {
    const { created, look } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const record = await created();
      const results = await rivals((rival) => actors(rival).claim(record.id));
      expect(results.filter(({ claimed }) => claimed)).toHaveLength(1);
      expect(
        results.filter((result) => !result.claimed && result.reason === 'leased'),
      ).toHaveLength(RIVALS - 1);
      expect((await look(record)).attempt).toBe(1);
    }
  });

  test('of many claims exactly one takes over a lease that has run out', async () => {
    const { created, claimed } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await created();
      await claimed(id, { leaseMs: 0 });
      const results = await rivals((rival) => actors(rival).claim(id));
      const fences = results.flatMap((result) => (result.claimed ? [result.claim.fence] : []));
      expect(fences).toEqual([2]);
    }
  });

  test('creates with one key and body make one record', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const input = newGeneration({ idempotency: { key: 'k', fingerprint: 'f' } });
      const results = await rivals((rival) => rival.create({ ...input, id: randomUUID() }));
      expect(results.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(results.map(({ record }) => record.id)).size).toBe(1);
      expect((await store.list(input.tenant, { limit: 10 })).records).toHaveLength(1);
    }
  });

  test('creates with one key and different bodies make one record and conflicts', async () => {
    const input = newGeneration();
    const results = await Promise.allSettled(
      stores.map((rival, n) =>
        rival.create({
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
    const { created, claimed } = actors(store);
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
      const sweeps = await rivals((rival) =>
        actors(rival).sweep({ limit: 10, republishAfterMs: 0, graceMs: 60_000 }),
      );
      round = sweeps.flat().map(({ id }) => id);
      swept.push(...round);
    } while (round.length > 0);
    expect(swept.filter((id) => due.has(id)).sort()).toEqual([...due].sort());
  });

  test('a completion and a takeover: one of them wins', async () => {
    const { created, claimed, complete, look } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const record = await created();
      const { fence } = await claimed(record.id, { leaseMs: 0 });
      const [completed, taken] = await Promise.all([
        complete(record.id, fence),
        actors(other).claim(record.id),
      ]);
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

  test('batches over the same records, in any order, wait for each other and never in a circle', async () => {
    const { created } = actors(store);
    for (let round = 0; round < ROUNDS; round++) {
      const records = await Promise.all(Array.from({ length: 20 }, () => created()));
      const batches = stores.map((_, n) => (n % 2 === 0 ? records : records.toReversed()));
      const claims = rivals(async (rival, n) => {
        const { claim } = actors(rival);
        return await Promise.all((batches[n] ?? []).map(({ id }) => claim(id)));
      });
      const marks = rivals((rival, n) =>
        Promise.all((batches[n] ?? []).map((one) => rival.markPublished(one.id, one.revision))),
      );
      const [results] = await Promise.all([claims, marks]);
      const won = results.flat().filter(({ claimed }) => claimed);
      expect(won).toHaveLength(records.length);
      const completions = await rivals(async (rival, n) => {
        const { complete } = actors(rival);
        return await Promise.all((batches[n] ?? []).map(({ id }) => complete(id, 1)));
      });
      expect(completions.flat()).not.toContain(false);
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

  test('of many collectors exactly one hides what has outlived its time', async () => {
    const { created } = actors(store);
    const records = await Promise.all(Array.from({ length: 40 }, () => created()));
    for (const { tenant, id } of records) await store.requestCancel(tenant, id);
    const hidden: string[] = [];
    const round = async () => {
      const each = await rivals((rival) => rival.hideOld({ ttlMs: 0, limit: 7 }));
      const ids = each.flat().map(({ id }) => id);
      hidden.push(...ids.filter((id) => records.some((record) => record.id === id)));
      return new Set(hidden).size;
    };
    await expect.poll(round, { timeout: 30_000, interval: 20 }).toBe(records.length);
    expect(hidden.toSorted()).toEqual(records.map(({ id }) => id).toSorted());
  });

  test('of many collectors exactly one takes what has been hidden', async () => {
    const { created } = actors(store);
    const records = await Promise.all(Array.from({ length: 40 }, () => created()));
    for (const { tenant, id } of records) {
      await store.requestCancel(tenant, id);
      await store.hide(tenant, id);
    }
    // Longer than the rounds that follow: what is taken does not fall due again in them.
    const graceMs = 3_000;
    const taken: string[] = [];
    const round = async () => {
      const each = await rivals((rival) => rival.takeHidden({ graceMs, limit: 7 }));
      const ids = each.flat().map(({ id }) => id);
      taken.push(...ids.filter((id) => records.some((record) => record.id === id)));
      return new Set(taken).size;
    };
    await expect.poll(round, { timeout: 30_000, interval: 20 }).toBe(records.length);
    expect(taken.toSorted()).toEqual(records.map(({ id }) => id).toSorted());
  });
});
