import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GenerationRecord } from '../record.ts';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { newGeneration } from './new-generation.ts';

export function testList(store: () => GenerationStore): void {
  const fill = async (tenant: string, count: number): Promise<GenerationRecord[]> => {
    const made: GenerationRecord[] = [];
    for (let i = 0; i < count; i++) made.push(await actors(store()).created({ tenant }));
    return made;
  };

  test('pages through all of a tenant, newest first, each once', async () => {
    const tenant = randomUUID();
    const made = await fill(tenant, 7);
    await fill(randomUUID(), 1);
    const seen: GenerationRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await store().list(tenant, { limit: 3, cursor });
      expect(page.records.length).toBeLessThanOrEqual(3);
      seen.push(...page.records);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(7);
    const position = ({ createdAt, id }: GenerationRecord) => `${createdAt} ${id}`;
    expect(seen.map(position)).toEqual(made.map(position).sort().reverse());
  });

  test('keeps a page in place while newer records arrive', async () => {
    const tenant = randomUUID();
    const made = await fill(tenant, 4);
    const { records, nextCursor } = await store().list(tenant, { limit: 2 });
    await fill(tenant, 2);
    const next = await store().list(tenant, { limit: 2, cursor: nextCursor ?? '' });
    expect(new Set([...records, ...next.records].map(({ id }) => id))).toEqual(
      new Set(made.map(({ id }) => id)),
    );
    expect(next.nextCursor).toBeNull();
  });

  test('keeps to one state when asked', async () => {
    const tenant = randomUUID();
    const [first, second] = await fill(tenant, 2);
    await store().requestCancel(tenant, first?.id ?? '');
    const { records } = await store().list(tenant, { limit: 10, state: 'queued' });
    expect(records).toEqual([second]);
  });

  test.each([
    'x',
    '',
    Buffer.from(`2020-13-45T00:00:00.000Z ${randomUUID()}`).toString('base64url'),
    Buffer.from('2020-01-01T00:00:00.000Z 1').toString('base64url'),
  ])('refuses the cursor %j', async (cursor) => {
    await expect(store().list('tenant', { limit: 1, cursor })).rejects.toMatchObject({
      name: 'DarkroomError',
      kind: 'request',
    });
  });

  test('counts what is queued and running by tenant and model', async () => {
    const { created, claimed, complete } = actors(store());
    const model = `m-${randomUUID().slice(0, 8)}`;
    const request = { ...newGeneration().request, model };
    const tenant = randomUUID();
    await created({ request, tenant });
    await created({ request, tenant });
    await claimed((await created({ request, tenant: 'another' })).id);
    const done = await created({ request });
    await complete(done.id, (await claimed(done.id)).fence);
    const counts = (await store().countActive()).filter((entry) => entry.model === model);
    expect(counts).toEqual([
      { tenant, model, state: 'queued', count: 2 },
      { tenant: 'another', model, state: 'running', count: 1 },
    ]);
  });

  test('tells how far several have come, of any tenant, and leaves out what is gone', async () => {
    const { created, claimed, complete } = actors(store());
    const queued = await created({ tenant: randomUUID() });
    const running = await claimed((await created()).id);
    const { id, revision } = running.record;
    const progress = { step: 3, steps: 20 };
    await store().heartbeat({ id, fence: running.fence, leaseMs: 60_000, progress });
    const ended = await claimed((await created()).id);
    await complete(ended.record.id, ended.fence);
    await store().hide(ended.record.tenant, ended.record.id);
    const ids = [queued.id, id, ended.record.id, randomUUID()];
    const positions = await store().positions(ids);
    expect(positions.sort((a, b) => a.revision - b.revision)).toEqual([
      { id: queued.id, revision: queued.revision, step: 0 },
      { id, revision, step: 3 },
    ]);
    expect(await store().positions([])).toEqual([]);
  });
}
