import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunState } from '@darkroom/diffusion';
import type { GenerationRecord } from '@darkroom/generations';
import { createFsStore, type ObjectStore } from '@darkroom/storage';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { newRun, type Run } from './run.ts';
import { pinholeRequest } from './testing/pinhole-inference.ts';

const record = {
  id: randomUUID(),
  tenant: 'tester',
  request: { ...pinholeRequest, count: 3 },
} as GenerationRecord;

const state: RunState = {
  step: 5,
  steps: pinholeRequest.steps,
  latents: Float32Array.of(0.5, -1.25, 3),
  random: { words: new Uint32Array(624).fill(9), index: 17, cachedNormal: null },
  history: [Float32Array.of(1, 2, 3)],
};
const image = { sha256: 'abc', width: 64, height: 64, seed: 7 };
const pictureKey = `tester/${record.id}/0-abc.png`;
const png = new Uint8Array([137, 80, 78, 71]);

const run: Run = { ...newRun(), pictures: [{ ...image, key: pictureKey, png }], state };
const bits = 'these';

let folder: string;
let objects: ObjectStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  objects = createFsStore({ folder });
});
afterEach(() => rm(folder, { recursive: true }));

async function saved(of: Run = run): Promise<string> {
  const checkpoint = await saveCheckpoint(objects, { record, run: of, bits });
  return checkpoint?.key ?? expect.fail('nothing was saved');
}

test('a run comes back as it was, its pictures stored beside it', async () => {
  const checkpoint = await saveCheckpoint(objects, { record, run, bits });
  expect(checkpoint).toMatchObject({ picture: 1, step: 5 });
  const key = checkpoint?.key ?? '';
  expect(await objects.list(`tester/${record.id}/`)).toEqual([pictureKey, key].sort());
  const loaded = await loadCheckpoint(objects, { record, key, bits });
  expect(loaded).toEqual({ ...newRun(), pictures: [{ ...image, key: pictureKey }], state });
});

test('what was cut off the prompts comes back, for the attempt that only has to complete', async () => {
  const truncated: Run['truncated'] = [
    { field: 'prompt', tokens: 31, limit: 30, dropped: 'background' },
  ];
  const key = await saved({ ...run, truncated });
  expect((await loadCheckpoint(objects, { record, key, bits })).truncated).toEqual(truncated);
});

test('a seed beyond the safe integers comes back', async () => {
  const seed = '18446744073709551615';
  const key = await saved({ ...run, pictures: [{ ...image, seed, key: pictureKey, png }] });
  expect((await loadCheckpoint(objects, { record, key, bits })).pictures[0]?.seed).toBe(seed);
});

test('between two pictures there is no run state to save', async () => {
  const key = await saved({ ...run, state: undefined });
  const loaded = await loadCheckpoint(objects, { record, key, bits });
  expect(loaded.pictures).toHaveLength(1);
  expect(loaded.state).toBeUndefined();
});

test('before the first step nothing is saved', async () => {
  expect(await saveCheckpoint(objects, { record, run: newRun(), bits })).toBeUndefined();
  expect(await objects.list('')).toEqual([]);
});

test.each([
  ['that is gone', (key: string) => objects.remove([key]), 'not in the object store'],
  [
    'that is damaged',
    async (key: string) => {
      const bytes = (await objects.get(key))?.bytes ?? new Uint8Array();
      bytes[bytes.length - 1] = 1 ^ (bytes.at(-1) ?? 0);
      await objects.put(key, bytes, 'application/octet-stream');
    },
    'damaged',
  ],
  ['whose picture is gone', () => objects.remove([pictureKey]), 'is gone'],
])('a checkpoint %s is refused', async (_, harm, reason) => {
  const key = await saved();
  await harm(key);
  await expect(loadCheckpoint(objects, { record, key, bits })).rejects.toMatchObject({
    name: 'CheckpointUnusable',
    message: expect.stringContaining(reason),
  });
});

test.each([
  ['other bits', { bits: 'those' }, 'another engine'],
  [
    'fewer pictures',
    { record: { ...record, request: { ...record.request, count: 1 } } },
    'another request',
  ],
  [
    'other steps',
    { record: { ...record, request: { ...record.request, steps: 7 } } },
    'another request',
  ],
])('a checkpoint of %s is refused', async (_, over, reason) => {
  const key = await saved();
  await expect(loadCheckpoint(objects, { record, key, bits, ...over })).rejects.toMatchObject({
    name: 'CheckpointUnusable',
    message: expect.stringContaining(reason),
  });
});

test('what is no checkpoint at all is refused, whatever its bytes', async () => {
  for (const text of ['', '\n', '{}\n', 'null\nabc', `{"version":2}\nabc`, 'x'.repeat(10_000)]) {
    const sha256 = createHash('sha256').update(text).digest('hex');
    const key = `tester/${record.id}/checkpoint-${sha256}`;
    await objects.put(key, Buffer.from(text), 'application/octet-stream');
    await expect(loadCheckpoint(objects, { record, key, bits })).rejects.toMatchObject({
      name: 'CheckpointUnusable',
      message: 'it is of another version',
    });
  }
});
