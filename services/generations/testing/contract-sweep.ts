import { expect, test } from 'vitest';
import type { GenerationRecord } from '../record.ts';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { newGeneration, past } from './new-generation.ts';

export function testSweep(store: () => GenerationStore): void {
  const among = (records: GenerationRecord[], { id }: { id: string }) =>
    records.find((record) => record.id === id);

  test('leaves a new record to its creator, and publishes it when the grace is over', async () => {
    const { created, sweep } = actors(store());
    const record = await created();
    expect(among(await sweep({ graceMs: 60_000 }), record)).toBeUndefined();
    const due = among(await sweep({ graceMs: 0 }), record);
    expect(due).toMatchObject({ state: 'queued', published: false });
    expect(due?.revision).toBeGreaterThan(record.revision);
  });

  test('returns a record to one sweep, and again when that one did not publish it', async () => {
    const { created, sweep } = actors(store());
    const record = await created();
    const due = async () => among(await sweep({ graceMs: 2_000 }), record);
    expect(await due()).toBeUndefined();
    await expect.poll(due, { timeout: 20_000 }).toBeDefined();
    expect(await due()).toBeUndefined();
    expect(among(await sweep({ graceMs: 0 }), record)).toBeDefined();
  });

  test('misses the message of what was published long enough ago', async () => {
    const { created, sweep } = actors(store());
    const record = await created();
    await store().markPublished(record.id, record.revision);
    expect(among(await sweep({ graceMs: 0 }), record)).toBeUndefined();
    const due = among(await sweep({ republishAfterMs: 0 }), record);
    expect(due).toMatchObject({ state: 'queued', published: false });
  });

  test('takes for lost as many of the oldest as the queue has too few messages for', async () => {
    const { created, sweep } = actors(store());
    const published = async (model: string): Promise<string> => {
      const record = await created({ request: { ...newGeneration().request, model } });
      await store().markPublished(record.id, record.revision);
      return record.id;
    };
    const [first, second] = [await published('short'), await published('short')];
    for (const model of ['short', 'whole', 'not counted']) await published(model);
    const lost = async (count: number) => {
      const messages = [
        { model: 'short', count },
        { model: 'whole', count: 1 },
      ];
      const records = await sweep({ messages, republishAfterMs: 0, graceMs: 60_000 });
      return records.map(({ id }) => id).sort();
    };
    expect(await lost(4)).toEqual([]);
    expect(await lost(3)).toEqual([]);
    expect(await lost(1)).toEqual([first, second].sort());
    // What was returned is its caller's to publish, and the third has the one message.
    expect(await lost(1)).toEqual([]);
  });

  test('queues again what has lost its lease', async () => {
    const { created, claimed, sweep, heartbeat, look } = actors(store());
    const record = await created();
    const { fence, record: running } = await claimed(record.id);
    await heartbeat(record.id, fence, 0);
    const requeued = among(await sweep(), record);
    expect(requeued).toMatchObject({
      state: 'queued',
      published: false,
      attempt: 1,
      progress: { step: 0 },
    });
    expect(requeued?.revision).toBeGreaterThan(running.revision);
    expect(await look(record)).toEqual(requeued);
  });

  test('leaves what is held alone', async () => {
    const { created, claimed, sweep, look } = actors(store());
    const record = await created();
    const { record: running } = await claimed(record.id);
    await sweep({ graceMs: 0, republishAfterMs: 0, maxAttempts: 1 });
    expect(await look(record)).toEqual(running);
  });

  test('fails what lost its lease at the last attempt', async () => {
    const { created, claimed, sweep, look } = actors(store());
    const record = await created();
    await claimed(record.id, { leaseMs: 0 });
    expect(among(await sweep({ maxAttempts: 1 }), record)).toBeUndefined();
    expect(await look(record)).toMatchObject({ state: 'failed', error: { code: 'ATTEMPTS' } });
  });

  test('settles a cancel whose worker is gone', async () => {
    const { created, claimed, sweep, look } = actors(store());
    const record = await created();
    await claimed(record.id, { leaseMs: 0 });
    await store().requestCancel(record.tenant, record.id);
    expect(among(await sweep({ maxAttempts: 1 }), record)).toBeUndefined();
    expect(await look(record)).toMatchObject({ state: 'canceled', error: null });
  });

  test('fails what is past its deadline, published or not', async () => {
    const { created, sweep, look } = actors(store());
    const record = await created({ deadline: past });
    await store().markPublished(record.id, record.revision);
    expect(among(await sweep(), record)).toBeUndefined();
    expect(await look(record)).toMatchObject({ state: 'failed', error: { code: 'EXPIRED' } });
  });

  test('repairs no more than its limit at once', async () => {
    const { created, sweep } = actors(store());
    for (let i = 0; i < 3; i++) await created();
    expect(await sweep({ graceMs: 0, limit: 2 })).toHaveLength(2);
  });

  test('an owner who outlived every worker and the broker gets all that is unfinished', async () => {
    const { created, claimed, sweep, heartbeat } = actors(store());
    const running = await created();
    const { fence } = await claimed(running.id);
    const queued = await created();
    await store().markPublished(queued.id, queued.revision);
    await store().expireAllLeases();
    const due = await sweep({ graceMs: 0 });
    expect(among(due, running)).toMatchObject({ state: 'queued' });
    expect(among(due, queued)).toMatchObject({ state: 'queued' });
    expect(await heartbeat(running.id, fence)).toBe('lost');
  });
}
