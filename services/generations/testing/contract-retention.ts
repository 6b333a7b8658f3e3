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
  const hideOld = (ttlMs: number) => store().hideOld({ ttlMs, limit: 1_000 });
  const take = (graceMs: number) => store().takeHidden({ graceMs, limit: 1_000 });
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

  test('hides what is older than its time, tells it once, and frees its idempotency key', async () => {
    const { created } = actors(store());
    const [old, active] = [await finished(), await created()];
    expect(idsOf(await hideOld(3_600_000))).not.toContain(old.id);
    expect(await store().get(old.tenant, old.id)).toBeDefined();
    expect(await hideOld(0)).toContainEqual({ id: old.id, tenant: old.tenant });
    expect(await store().get(old.tenant, old.id)).toBeUndefined();
    expect(idsOf(await hideOld(0))).not.toContain(old.id);
    expect(await store().get(active.tenant, active.id)).toBeDefined();
    const idempotency = { key: 'k', fingerprint: 'another' };
    expect((await created({ tenant: old.tenant, idempotency })).id).not.toBe(old.id);
  });

  test('hides the oldest first, as many as it is told', async () => {
    await hideOld(0);
    const ids = [];
    for (let count = 0; count < 3; count++) ids.push((await finished()).id);
    expect(idsOf(await store().hideOld({ ttlMs: 0, limit: 2 })).toSorted()).toEqual(
      ids.slice(0, 2).toSorted(),
    );
    expect(idsOf(await hideOld(0))).toEqual(ids.slice(2));
  });

  test('returns what is hidden once its grace is over, to one replica, until it is forgotten', async () => {
    const { id, tenant } = await finished();
    await store().hide(tenant, id);
    expect(idsOf(await take(3_600_000))).not.toContain(id);
    const taken = await Promise.all([take(0), take(3_600_000)]);
    expect(idsOf(taken[0])).toContain(id);
    expect(idsOf(taken[1])).not.toContain(id);
    expect(await take(0)).toContainEqual({ id, tenant });
    await store().forget([id]);
    expect(idsOf(await take(0))).not.toContain(id);
  });

  test('forgets nothing that is not hidden', async () => {
    const { id, tenant } = await finished();
    await store().forget([id]);
    await store().forget([]);
    expect(await store().get(tenant, id)).toBeDefined();
  });
}
