import { createHash, randomUUID } from 'node:crypto';
import { DarkroomError } from '@darkroom/contract';
import { createMetrics } from '@darkroom/lifecycle';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';
import { collectOnce, startRetention } from './retention.ts';

let frontend: TestFrontend;
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(() => frontend.close());

const create = async (input: object = {}): Promise<string> =>
  (await frontend.mutate('generations.create', { prompt: 'x', ...input })).result.data.id;

/** A finished generation with its picture, and an object of an attempt that was lost. */
async function finished(input: object = {}) {
  const { store, objects } = frontend;
  const id = await create(input);
  const { fence } = await claim(frontend, id);
  const prefix = `default/${id}/`;
  const png = Buffer.from('png');
  const sha256 = createHash('sha256').update(png).digest('hex');
  const key = `${prefix}0-${sha256}.png`;
  await objects.put(key, png, 'image/png');
  await objects.put(`${prefix}0-lost.png`, Buffer.from('png'), 'image/png');
  const images = [{ key, sha256, width: 64, height: 64, seed: 1 }];
  await store.complete({ id, fence, images, timings: TIMINGS });
  return { id, prefix, picture: `/images/${id}/0-${sha256}.png` };
}

const statusOf = async (id: string) => (await frontend.query('generations.get', { id })).status;

it('deletes a finished generation: unseen at once, its objects removed', async () => {
  const { id, prefix, picture } = await finished();
  expect((await frontend.app.inject(picture)).statusCode).toBe(200);
  const answer = await frontend.mutate('generations.delete', { id });
  expect(answer.result.data).toEqual({ id });
  expect(await statusOf(id)).toBe(404);
  expect((await frontend.app.inject(picture)).statusCode).toBe(404);
  expect((await frontend.records()).map((record) => record.id)).not.toContain(id);
  expect(await frontend.objects.list(prefix)).toEqual([]);
  for (const procedure of ['generations.delete', 'generations.cancel']) {
    expect((await frontend.mutate(procedure, { id })).status).toBe(404);
  }
});

it('does not delete what is not finished, and says what to do', async () => {
  const id = await create();
  const queued = await frontend.mutate('generations.delete', { id });
  expect(queued).toMatchObject({
    status: 409,
    error: { message: expect.stringContaining('is queued; cancel it'), data: { code: 'CONFLICT' } },
  });
  await claim(frontend, id);
  expect((await frontend.mutate('generations.delete', { id })).status).toBe(409);
  expect(await statusOf(id)).toBe(200);
});

it('hides what it deletes though the object store is away, and removes the pictures later', async () => {
  const { id, prefix } = await finished();
  const { store, objects } = frontend;
  const remove = vi.spyOn(objects, 'remove');
  remove.mockRejectedValueOnce(new DarkroomError('unavailable', 'the store is away'));
  expect((await frontend.mutate('generations.delete', { id })).status).toBe(200);
  expect(await statusOf(id)).toBe(404);
  expect(await objects.list(prefix)).toHaveLength(2);

  remove.mockRejectedValueOnce(new DarkroomError('unavailable', 'the store is away'));
  const round = () => collectOnce({ store, objects, ttlMs: null, graceMs: 0 });
  await expect(round()).rejects.toThrow('the store is away');
  await round();
  expect(await objects.list(prefix)).toEqual([]);
  expect(await round()).toBe(0);
  remove.mockRestore();
});

it('frees the idempotency key of what it deletes', async () => {
  const { id } = await finished({ idempotencyKey: 'again' });
  await frontend.mutate('generations.delete', { id });
  expect(await create({ idempotencyKey: 'again' })).not.toBe(id);
});

it('hides what has outlived its time, and removes it with what was stored late for it', async () => {
  const { store, objects } = frontend;
  const { id, prefix } = await finished();
  const active = await create();
  const round = (ttlMs: number | null, graceMs: number) =>
    collectOnce({ store, objects, ttlMs, graceMs });
  await round(3_600_000, 3_600_000);
  expect(await statusOf(id)).toBe(200);
  await round(0, 3_600_000);
  expect(await statusOf(id)).toBe(404);
  expect(await objects.list(prefix)).toEqual([]);
  await objects.put(`${prefix}0-late.png`, Buffer.from('png'), 'image/png');
  expect(await round(null, 0)).toBeGreaterThanOrEqual(1);
  expect(await objects.list(prefix)).toEqual([]);
  expect(await statusOf(active)).toBe(200);
});

it('hides everything in one round, however much there is, and removes the objects of all of it', async () => {
  const { store, objects } = frontend;
  const ids = Array.from({ length: 520 }, () => randomUUID());
  const prefix = 'many/';
  const { request } = (await store.get('default', await create())) ?? {};
  if (request === undefined) throw new Error('there is no request to repeat');
  await Promise.all(
    ids.map(async (id, index) => {
      await store.create({ id, tenant: 'many', request });
      await store.requestCancel('many', id);
      if (index % 10 > 0) return;
      await objects.put(`${prefix}${id}/0-abc.png`, Buffer.from('png'), 'image/png');
    }),
  );
  const active = await create();
  await collectOnce({ store, objects, ttlMs: 0, graceMs: 3_600_000 });
  expect((await store.list('many', { limit: 10 })).records).toEqual([]);
  expect(await objects.list(prefix)).toEqual([]);
  expect(await statusOf(active)).toBe(200);
  expect(await collectOnce({ store, objects, ttlMs: null, graceMs: 0 })).toBeGreaterThanOrEqual(
    520,
  );
  expect(await store.takeHidden({ graceMs: 0, limit: 10 })).toEqual([]);
});

it('hides everything though the object store is away, and says so', async () => {
  const { store, objects } = frontend;
  const kept = await Promise.all(Array.from({ length: 34 }, () => finished()));
  const list = vi.spyOn(objects, 'list');
  list.mockRejectedValue(new DarkroomError('unavailable', 'the store is away'));
  const round = collectOnce({ store, objects, ttlMs: 0, graceMs: 3_600_000 });
  await expect(round).rejects.toThrow('the store is away');
  list.mockRestore();
  for (const { id } of kept) expect(await statusOf(id)).toBe(404);
  await collectOnce({ store, objects, ttlMs: null, graceMs: 0 });
  for (const { prefix } of kept) expect(await objects.list(prefix)).toEqual([]);
});

it('goes round and round, over failures', async () => {
  const { store, objects, logger } = frontend;
  const metrics = createMetrics();
  const { id } = await finished();
  const hideOld = vi.spyOn(store, 'hideOld');
  hideOld.mockRejectedValueOnce(new DarkroomError('unavailable', 'the database is away'));
  const timing = { ttlHours: 1e-9, intervalMs: 5, graceMs: 0 };
  const retention = startRetention({ store, objects, logger, metrics, ...timing });
  await vi.waitFor(
    async () => {
      expect(await metrics.metrics()).toMatch(/darkroom_generations_collected_total [1-9]/);
    },
    { timeout: 10_000 },
  );
  await retention.stop();
  hideOld.mockRestore();
  expect(await statusOf(id)).toBe(404);
});
