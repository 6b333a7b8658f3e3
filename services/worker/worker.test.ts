import { createHash } from 'node:crypto';
import { DarkroomError } from '@darkroom/contract';
import type { GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { eventually } from '@darkroom/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inference } from './inference/inference-process.ts';
import { startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig, tenant } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Inference;
beforeAll(async () => {
  [store, inference] = await Promise.all([openMemoryStore(), startPinhole()]);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await store.close();
});

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Long enough to be met in the middle. */
const long = { steps: 400 };

test('a job becomes pictures, each from its own seed, named by their digests', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id } = await rig.submit({ count: 2, seed: '18446744073709551615' });
  const record = await rig.finished(id);
  expect(record).toMatchObject({
    state: 'succeeded',
    attempt: 1,
    error: null,
    progress: { step: 24, steps: 24 },
    images: [
      { seed: '18446744073709551615', width: 64, height: 64, provider: 'cpu' },
      { seed: 0, provider: 'cpu' },
    ],
    timings: { modelLoadMs: expect.any(Number), inferenceMs: expect.any(Number) },
  });
  for (const [index, { key, sha256 }] of record.images.entries()) {
    expect(key).toBe(`${tenant}/${id}/${index}-${sha256}.png`);
    const object = await rig.objects.get(key);
    expect(object?.contentType).toBe('image/png');
    expect(object && digest(object.bytes)).toBe(sha256);
  }
  expect(record.images[0]?.sha256).not.toBe(record.images[1]?.sha256);
});

test('tells that it runs, of every step over all pictures, and of the end', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id } = await rig.submit({ count: 2, steps: 3 });
  await rig.finished(id);
  await eventually(() =>
    rig.events.map((event) => ('state' in event ? event.state : 'progress')),
  ).toEqual(['running', ...Array(6).fill('progress'), 'succeeded']);
  expect(rig.events.flatMap((event) => (event.type === 'progress' ? event.progress : []))).toEqual(
    [1, 2, 3, 4, 5, 6].map((step) => ({ step, steps: 6 })),
  );
});

test('a cancel that is told stops the run at once and leaves no object', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id, revision } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await store.requestCancel(tenant, id);
  rig.broker.publishEvent({ version: 1, type: 'cancel', generationId: id, revision });
  await expect(rig.finished(id)).resolves.toMatchObject({ state: 'canceled', images: [] });
  expect(await rig.objects.list('')).toEqual([]);
  expect(await rig.ended('canceled')).toBe(1);
});

test('a cancel that is not told is seen by the next heartbeat', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await store.requestCancel(tenant, id);
  await expect(rig.finished(id)).resolves.toMatchObject({ state: 'canceled' });
});

test('heartbeats note the progress in the record', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id } = await rig.submit(long);
  await eventually(async () => (await rig.get(id)).progress.step).toBeGreaterThan(0);
  expect((await rig.get(id)).state).toBe('running');
});

test('a message for a finished job is refused and changes nothing', async () => {
  await using rig = await startWorkerRig(store, inference);
  const record = await rig.submit({ steps: 1 });
  const done = await rig.finished(record.id);
  await rig.publish(record);
  await eventually(() => rig.ended('refused')).toBe(1);
  expect(await rig.get(record.id)).toEqual(done);
});

/** As another worker does once the lease has run out, and is at once done. */
async function takeOver(id: string, key: string): Promise<void> {
  await store.expireAllLeases();
  const result = await store.claim({
    id,
    claimId: crypto.randomUUID(),
    worker: 'worker-2',
    leaseMs: 5_000,
    maxAttempts: 5,
  });
  if (!result.claimed) throw new Error(result.reason);
  const image = { key, sha256: 'abc', width: 64, height: 64, seed: 7 };
  const timings = { modelLoadMs: 0, inferenceMs: 1, storeMs: 1 };
  await store.complete({ id, fence: result.claim.fence, images: [image], timings });
}

test('a job taken over amid the run is dropped', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  const key = `${tenant}/${id}/0-abc.png`;
  await rig.objects.put(key, new Uint8Array([1]), 'image/png');
  await takeOver(id, key);
  await eventually(() => rig.ended('lost')).toBe(1);
  expect(await rig.objects.list('')).toEqual([key]);
  expect((await rig.get(id)).images).toMatchObject([{ key }]);
});

test('a late completion is refused and only its own objects are collected', async () => {
  let winner = '';
  await using rig = await startWorkerRig(store, inference, {
    objects: (objects) => ({
      put: async (key, bytes, contentType) => {
        const id = key.split('/')[1] ?? '';
        winner = `${tenant}/${id}/0-abc.png`;
        await objects.put(winner, bytes, contentType);
        await takeOver(id, winner);
        await objects.put(key, bytes, contentType);
      },
    }),
  });
  const { id } = await rig.submit();
  await eventually(() => rig.ended('lost')).toBe(1);
  expect(await rig.objects.list('')).toEqual([winner]);
  expect((await rig.get(id)).images).toMatchObject([{ key: winner }]);
});

test('what is stored for a generation that is gone meanwhile is collected', async () => {
  await using rig = await startWorkerRig(store, inference, {
    objects: (objects) => ({
      put: async (key, bytes, contentType) => {
        await objects.put(key, bytes, contentType);
        await takeOver(key.split('/')[1] ?? '', key);
        await store.hide(tenant, key.split('/')[1] ?? '');
      },
    }),
  });
  await rig.submit();
  await eventually(() => rig.ended('lost')).toBe(1);
  expect(await rig.objects.list('')).toEqual([]);
});

test('a later attempt collects what an earlier one left', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { record } = await store.create({
    id: crypto.randomUUID(),
    tenant,
    request: { ...(await rig.submit()).request },
  });
  const { id } = record;
  const early = { id, claimId: crypto.randomUUID(), worker: 'worker-0' };
  await store.claim({ ...early, leaseMs: 1, maxAttempts: 5 });
  await rig.objects.put(`${tenant}/${id}/0-other.png`, new Uint8Array([1]), 'image/png');
  await rig.publish(record);
  const { images, attempt } = await rig.finished(id);
  expect(attempt).toBe(2);
  await eventually(() => rig.objects.list(`${tenant}/${id}/`)).toEqual(
    images.map(({ key }) => key),
  );
});

test('pictures that cannot be stored at once are stored later and not made again', async () => {
  let failures = 2;
  await using rig = await startWorkerRig(store, inference, {
    objects: (objects) => ({
      put: async (...put) => {
        if (failures-- > 0) throw new DarkroomError('unavailable', 'the disk is full');
        await objects.put(...put);
      },
    }),
  });
  const { id } = await rig.submit({ steps: 3 });
  await expect(rig.finished(id)).resolves.toMatchObject({ state: 'succeeded', attempt: 1 });
  expect(rig.events.filter(({ type }) => type === 'progress')).toHaveLength(3);
});

test('while pictures cannot be stored, the job goes back at no cost and none is begun', async () => {
  let isAway = true;
  const failWhileAway = () => {
    if (isAway) throw new DarkroomError('unavailable', 'the disk is full');
  };
  await using rig = await startWorkerRig(store, inference, {
    storageWaitMs: 300,
    objects: (objects) => ({
      put: async (...put) => {
        failWhileAway();
        await objects.put(...put);
      },
      check: async () => failWhileAway(),
    }),
  });
  const { id } = await rig.submit({ steps: 1 });
  await eventually(() => rig.ended('requeued')).toBeGreaterThan(0);
  expect(await rig.get(id)).toMatchObject({ state: 'queued', attempt: 0 });
  isAway = false;
  await expect(rig.finished(id)).resolves.toMatchObject({ state: 'succeeded', attempt: 1 });
  expect(await rig.ended('storage-away')).toBe(1);
});

test('a cancel while pictures wait to be stored is settled, and none of them stays', async () => {
  const waits = Promise.withResolvers<void>();
  await using rig = await startWorkerRig(store, inference, {
    objects: (objects) => ({
      put: async (key, ...rest) => {
        if (key.includes('/0-')) return await objects.put(key, ...rest);
        waits.resolve();
        throw new DarkroomError('unavailable', 'the disk is full');
      },
    }),
  });
  const { id } = await rig.submit({ count: 2, steps: 1 });
  await waits.promise;
  await store.requestCancel(tenant, id);
  await expect(rig.finished(id)).resolves.toMatchObject({ state: 'canceled', images: [] });
  await eventually(() => rig.objects.list('')).toEqual([]);
});

test('a job that kills its engine every time fails once its attempts are used up', async () => {
  await using fragile = await startPinhole({ maxRestarts: 0 });
  const deadly: Inference = {
    ...fragile,
    generate: (request, call) =>
      fragile.generate(request, {
        ...call,
        onStep: () => {
          const pid = fragile.pid();
          if (pid !== undefined) process.kill(pid, 'SIGKILL');
        },
      }),
  };
  await using rig = await startWorkerRig(store, deadly);
  const { id } = await rig.submit(long);
  await expect(rig.finished(id)).resolves.toMatchObject({
    state: 'failed',
    attempt: 5,
    error: { code: 'ATTEMPTS' },
    evidence: [1, 2, 3, 4, 5].map((attempt) => ({
      worker: 'worker-1',
      attempt,
      cause: 'engine-died',
      lastWords: expect.stringMatching(/died of one picture, the last after step \d+: .*SIGKILL/),
    })),
  });
  // It was the job's doing, so the worker is as ready as before; who looks sees that it crashes.
  expect((await store.workers())[0]).toMatchObject({ worker: 'worker-1' });
  await eventually(async () => (await store.workers())[0]?.crashes).toBe(5);
}, 180_000);
