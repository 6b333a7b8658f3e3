import { createHash } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DarkroomError, uploadKey } from '@darkroom/contract';
import type { GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { pinhole } from '@darkroom/pinhole';
import { eventually } from '@darkroom/testing';
import { encode } from 'fast-png';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Inference } from './inference/inference-process.ts';
import { pinholeRequest, startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig, tenant, type WorkerRig } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Inference;
/** Yellow, and the left half of it. */
const yellow = png((_, channel) => [250, 220, 30][channel]!);
const half = png((x) => (x < 32 ? 255 : 0));

function png(value: (x: number, channel: number) => number): Uint8Array {
  const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) =>
    value(Math.floor(i / 3) % 64, i % 3),
  );
  return encode({ width: 64, height: 64, channels: 3, depth: 8, data });
}

beforeAll(async () => {
  [store, inference] = await Promise.all([openMemoryStore(), startPinhole()]);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await store.close();
});

const sha256 = (file: Uint8Array) => createHash('sha256').update(file).digest('hex');
const reference = (file: Uint8Array) => `sha256:${sha256(file)}` as const;
const put = ({ objects }: WorkerRig, file: Uint8Array) =>
  objects.put(uploadKey(tenant, sha256(file)), file, 'application/octet-stream');

test('makes pictures from the files that a request names', async () => {
  await using rig = await startWorkerRig(store, inference);
  await Promise.all([put(rig, yellow), put(rig, half)]);
  const { id } = await rig.submit({
    initImage: reference(yellow),
    mask: reference(half),
    strength: 0.5,
    count: 2,
  });
  expect(await rig.finished(id)).toMatchObject({
    state: 'succeeded',
    error: null,
    progress: { step: 24, steps: 24 },
  });
});

test('goes on after a hand-back, to the same bits', async () => {
  const steps = 400;
  const request = { steps, initImage: reference(yellow), strength: 0.9 };
  const digestOf = async (rig: WorkerRig, id: string) => (await rig.finished(id)).images[0]?.sha256;
  await using whole = await startWorkerRig(store, inference);
  await put(whole, yellow);
  const expected = await digestOf(whole, (await whole.submit(request)).id);
  await whole.worker.close();

  await using rig = await startWorkerRig(store, inference);
  await put(rig, yellow);
  const { id } = await rig.submit(request);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await rig.worker.close();
  expect((await rig.get(id)).checkpoint?.step).toBeGreaterThan(0);
  await using _ = await rig.next(inference);
  expect(await digestOf(rig, id)).toBe(expected);
});

test.each([
  ['is gone', async () => {}, 'is not in the object store any more. Send the file again'],
  [
    'is damaged',
    (rig: WorkerRig) =>
      rig.objects.put(uploadKey(tenant, sha256(half)), yellow, 'application/octet-stream'),
    'is damaged in the object store',
  ],
])('fails clearly where the picture %s', async (_, harm, message) => {
  await using rig = await startWorkerRig(store, inference);
  await harm(rig);
  const { id } = await rig.submit({ initImage: reference(half) });
  expect(await rig.finished(id)).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: {
      code: 'INPUT',
      message: expect.stringContaining(`initImage: ${reference(half)} ${message}`),
    },
  });
});

test('fails clearly where the file cannot be decoded after all', async () => {
  await using rig = await startWorkerRig(store, inference);
  const text = Buffer.from('no picture');
  await put(rig, text);
  const { id } = await rig.submit({ initImage: reference(text) });
  expect((await rig.finished(id)).error).toMatchObject({
    code: 'INPUT',
    message: expect.stringContaining('is not a picture of a known format'),
  });
});

test('hands the job back while the object store is away, and makes it after', async () => {
  let isAway = true;
  await using rig = await startWorkerRig(store, inference, {
    storageWaitMs: 50,
    objects: (real) => ({
      get: async (...args) => {
        if (isAway) throw new DarkroomError('unavailable', 'the object store is away');
        return real.get(...args);
      },
    }),
  });
  await put(rig, yellow);
  const { id } = await rig.submit({ initImage: reference(yellow), strength: 0.5 });
  await eventually(() => rig.ended('storage-away')).toBeGreaterThan(0);
  isAway = false;
  const record = await rig.finished(id);
  expect(record).toMatchObject({ state: 'succeeded', evidence: [] });
});

test("a mask without a picture is the engine's to refuse", async () => {
  const call = inference.generate({ ...pinholeRequest, mask: new Float32Array(64 * 64) });
  await expect(call).rejects.toMatchObject({ code: 'MODEL' });
});

test('a model without an encoder makes pictures from prompts alone, and says so', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'no-encoder-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(pinhole.folder, folder, { recursive: true });
  await rm(join(folder, 'vae_encoder'), { recursive: true });
  await using other = await startPinhole({ models: [{ name: pinhole.name, folder }] });
  await using rig = await startWorkerRig(store, other);
  await put(rig, yellow);
  const { id } = await rig.submit({ initImage: reference(yellow) });
  expect((await rig.finished(id)).error).toMatchObject({
    code: 'MODEL',
    message: expect.stringContaining('vae_encoder'),
  });
  const text = await rig.submit();
  expect(await rig.finished(text.id)).toMatchObject({ state: 'succeeded' });
});
