import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';

export function testCancel(store: () => GenerationStore): void {
  test('ends what is queued at once', async () => {
    const { created } = actors(store());
    const { tenant, id } = await created();
    const record = await store().requestCancel(tenant, id);
    expect(record).toMatchObject({ state: 'canceled', cancelRequested: true });
    expect(record?.finishedAt).not.toBeNull();
  });

  test('asks the worker of what is running, and the worker settles it', async () => {
    const { created, claimed, heartbeat, look } = actors(store());
    const record = await created();
    const { tenant, id } = record;
    const { fence, record: running } = await claimed(id);
    const asked = await store().requestCancel(tenant, id);
    expect(asked).toMatchObject({ state: 'running', cancelRequested: true });
    expect(asked?.revision).toBeGreaterThan(running.revision);
    expect(await heartbeat(id, fence)).toBe('cancel-requested');
    expect(await store().settleCancel({ id, fence })).toBe(true);
    expect((await look(record)).state).toBe('canceled');
  });

  test('asked twice changes nothing more', async () => {
    const { created, claimed } = actors(store());
    const { tenant, id } = await created();
    await claimed(id);
    const first = await store().requestCancel(tenant, id);
    expect(await store().requestCancel(tenant, id)).toEqual(first);
  });

  test('comes too late for what has ended', async () => {
    const { created, claimed, complete, look } = actors(store());
    const record = await created();
    await complete(record.id, (await claimed(record.id)).fence);
    const before = await look(record);
    expect(await store().requestCancel(record.tenant, record.id)).toEqual(before);
    expect(before.cancelRequested).toBe(false);
  });

  test('loses to a completion that was on its way', async () => {
    const { created, claimed, complete, look } = actors(store());
    const record = await created();
    const { fence } = await claimed(record.id);
    await store().requestCancel(record.tenant, record.id);
    expect(await complete(record.id, fence)).toBe(true);
    expect((await look(record)).state).toBe('succeeded');
  });

  test('is settled by a worker that hands the job back', async () => {
    const { created, claimed, look } = actors(store());
    const record = await created();
    const { id, tenant } = record;
    const { fence } = await claimed(id);
    await store().requestCancel(tenant, id);
    expect(await store().release({ id, fence, countAttempt: false })).toBeUndefined();
    expect((await look(record)).state).toBe('canceled');
  });

  test('does not know an id that was never recorded', async () => {
    expect(await store().requestCancel('tenant', randomUUID())).toBeUndefined();
  });
}
