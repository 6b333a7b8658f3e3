import { expect, test } from 'vitest';
import type { GenerationRecord } from '../record.ts';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';

export function testRetention(store: () => GenerationStore): void {
  const finished = async (): Promise<GenerationRecord> => {
    const { created, claimed, complete } = actors(store());
    const record = await created({ idempotency: { key: 'k', fingerprint: 'f' } });
    await complete(record.id, (await claimed(record.id)).fence);
    return record;
  };
  const take = async (over: { ttlMs?: number | null; graceMs?: number } = {}) =>
    store().takeOld({ ttlMs: null, graceMs: 3_600_000, limit: 1_000, ...over });
  const idsOf = (taken: { id: string }[]) => taken.map(({ id }) => id);

  test('hides what is finished from everyone, at once and for good', async () => {
    const { id, tenant } = await finished();
    expect(await store().hide(tenant, id)).toBe(true);
    expect(await store().get(tenant, id)).toBeUndefined();
    expect((await store().list(tenant, { limit: 10 })).records).toEqual([]);
    expect(await store().requestCancel(tenant, id)).toBeUndefined();
    expect(await store().hide(tenant, id)).toBe(false);
  });

  test("hides neither what is unfinished nor another tenant's", async () => {
    const { created, claimed, look } = actors(store());
    const queued = await created();
    expect(await store().hide(queued.tenant, queued.id)).toBe(false);
    await claimed(queued.id);
    expect(await store().hide(queued.tenant, queued.id)).toBe(false);
    expect(await look(queued)).toMatchObject({ state: 'running' });
    const other = await finished();
    expect(await store().hide('somebody', other.id)).toBe(false);
    expect(await store().get(other.tenant, other.id)).toBeDefined();
  });

  test('frees the idempotency key of what is hidden', async () => {
    const { created } = actors(store());
    const first = await finished();
    await store().hide(first.tenant, first.id);
    const again = await created({
      tenant: first.tenant,
      idempotency: { key: 'k', fingerprint: 'another' },
    });
    expect(again.id).not.toBe(first.id);
  });

  test('hides what is older than its time, and nothing for ever where there is no time', async () => {
    const { created } = actors(store());
    const [old, active] = [await finished(), await created()];
    await take({ ttlMs: null });
    await take({ ttlMs: 3_600_000 });
    expect(await store().get(old.tenant, old.id)).toBeDefined();
    await take({ ttlMs: 0 });
    expect(await store().get(old.tenant, old.id)).toBeUndefined();
    expect(await store().get(active.tenant, active.id)).toBeDefined();
  });

  test('returns what is hidden once its grace is over, to one replica, until it is forgotten', async () => {
    const { id, tenant } = await finished();
    await store().hide(tenant, id);
    expect(idsOf(await take())).not.toContain(id);
    const taken = await Promise.all([take({ graceMs: 0 }), take({ graceMs: 3_600_000 })]);
    expect(idsOf(taken[0])).toContain(id);
    expect(idsOf(taken[1])).not.toContain(id);
    expect(await take({ graceMs: 0 })).toContainEqual({ id, tenant });
    await store().forget([id]);
    expect(idsOf(await take({ graceMs: 0 }))).not.toContain(id);
  });

  test('forgets nothing that is not hidden', async () => {
    const { id, tenant } = await finished();
    await store().forget([id]);
    await store().forget([]);
    expect(await store().get(tenant, id)).toBeDefined();
  });
}
