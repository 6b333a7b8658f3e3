import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { future, newGeneration } from './new-generation.ts';

export function testCreate(store: () => GenerationStore): void {
  test('keeps the request as it was given, queued and unpublished', async () => {
    const input = newGeneration({
      deadline: '2120-01-01T01:00:00+01:00',
      traceparent: '00-a-b-01',
    });
    const { record, created } = await store().create(input);
    expect(created).toBe(true);
    expect(record).toMatchObject({
      id: input.id,
      tenant: input.tenant,
      request: input.request,
      deadline: future,
      traceparent: '00-a-b-01',
      state: 'queued',
      published: false,
      attempt: 0,
      progress: { step: 0, steps: 20 },
      images: [],
      error: null,
      finishedAt: null,
      cancelRequested: false,
      timings: { queuedMs: null, modelLoadMs: null, inferenceMs: null, storeMs: null },
    });
    expect(await store().get(input.tenant, input.id)).toEqual(record);
  });

  test("hides a record from everyone but its tenant's callers", async () => {
    const { id } = await actors(store()).created();
    expect(await store().get('another', id)).toBeUndefined();
    expect(await store().requestCancel('another', id)).toBeUndefined();
  });

  test('returns the first record to a repeat with the same key and body', async () => {
    const idempotency = { key: 'k', fingerprint: 'f' };
    const first = newGeneration({ idempotency });
    const { record } = await store().create(first);
    const repeat = await store().create({ ...first, id: randomUUID() });
    expect(repeat).toEqual({ record, created: false });
    expect(await store().findRepeat(first.tenant, idempotency)).toEqual(record);
    expect(await store().findRepeat('another', idempotency)).toBeUndefined();
    const other = { ...idempotency, key: 'l' };
    expect(await store().findRepeat(first.tenant, other)).toBeUndefined();
  });

  test('refuses the same key with another body as a conflict', async () => {
    const first = newGeneration({ idempotency: { key: 'k', fingerprint: 'f' } });
    await store().create(first);
    const other = { ...first, id: randomUUID(), idempotency: { key: 'k', fingerprint: 'g' } };
    await expect(store().findRepeat(first.tenant, other.idempotency)).rejects.toThrow('"k"');
    await expect(store().create(other)).rejects.toMatchObject({
      name: 'DarkroomError',
      kind: 'conflict',
    });
    expect(await store().get(first.tenant, other.id)).toBeUndefined();
  });

  test('knows a repeat by its body or by what that means', async () => {
    const first = newGeneration({ idempotency: { key: 'k', fingerprint: 'f', meaning: 'm' } });
    const { record } = await store().create(first);
    const repeat = (fingerprint: string, meaning?: string) =>
      store().findRepeat(first.tenant, { key: 'k', fingerprint, meaning });
    expect(await repeat('f')).toEqual(record);
    expect(await repeat('f', 'another')).toEqual(record);
    expect(await repeat('another', 'm')).toEqual(record);
    await expect(repeat('another', 'another')).rejects.toMatchObject({ kind: 'conflict' });
    await expect(repeat('m', 'f')).rejects.toMatchObject({ kind: 'conflict' });
  });

  test('knows what an earlier release recorded by its body alone', async () => {
    const first = newGeneration({ idempotency: { key: 'k', fingerprint: 'f' } });
    const { record } = await store().create(first);
    const repeat = (fingerprint: string) =>
      store().findRepeat(first.tenant, { key: 'k', fingerprint, meaning: 'm' });
    expect(await repeat('f')).toEqual(record);
    await expect(repeat('another')).rejects.toMatchObject({ kind: 'conflict' });
  });

  test('lets two tenants use one key', async () => {
    const idempotency = { key: 'k', fingerprint: 'f' };
    await store().create(newGeneration({ idempotency }));
    expect((await store().create(newGeneration({ idempotency }))).created).toBe(true);
  });

  test.each([
    ['an id that is none', { id: 'not-a-uuid' }],
    ['a date before the calendar', { deadline: '0000-01-01T00:00:00Z' }],
    ['a null byte', { tenant: 'a\0b' }],
  ])('refuses %s as a bad request', async (_, over) => {
    await expect(store().create(newGeneration(over))).rejects.toMatchObject({ kind: 'request' });
  });

  test('marks what was published, unless the record has moved on', async () => {
    const { created, claimed, look } = actors(store());
    const first = await created();
    await store().markPublished(first.id, first.revision);
    expect(await look(first)).toEqual({ ...first, published: true });

    const second = await created();
    await claimed(second.id);
    await store().markPublished(second.id, second.revision);
    expect((await look(second)).published).toBe(false);
  });
}
