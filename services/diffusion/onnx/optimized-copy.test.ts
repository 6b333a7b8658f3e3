import { chmod, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinhole } from '@darkroom/pinhole';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifyModelFolder } from '../model-folder/verify-model-folder.ts';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import { networkDigests, type OptimizedCopies } from './optimized-copy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'optimized-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const request = {
  prompt: 'a large red star on a blue background',
  negativePrompt: '',
  seed: 7,
  steps: 3,
  guidanceScale: 4,
  width: 64,
  height: 64,
};

/** A picture, and what became of the copies. */
async function picture(options: Partial<OptimizedCopies> = {}) {
  const { files } = await verifyModelFolder(pinhole.folder);
  const told: string[] = [];
  const optimized: OptimizedCopies = {
    folder,
    digests: networkDigests(files),
    exclusively: (task) => task(),
    onCopy: (what, part) => told.push(`${part} ${what}`),
    ...options,
  };
  const pipeline = await loadPipeline(pinhole.folder, { executionProviders: ['cpu'], optimized });
  const pixels = await pipeline.decode(request);
  await pipeline.release();
  return { pixels, told };
}

async function withoutCopies() {
  const pipeline = await loadPipeline(pinhole.folder, { executionProviders: ['cpu'] });
  const pixels = await pipeline.decode(request);
  await pipeline.release();
  return pixels;
}

const MADE = ['text_encoder made', 'unet made', 'vae_decoder made'];
const copyOf = async (part: string) =>
  join(folder, (await readdir(folder)).find((name) => name.startsWith(`${part}.`)) ?? '');

test('copies are made once, used after, and give the same bits', async () => {
  const exported = await withoutCopies();
  const first = await picture();
  const second = await picture();
  expect(first.told).toEqual(MADE);
  expect(second.told).toEqual([]);
  expect(first.pixels).toEqual(exported);
  expect(second.pixels).toEqual(exported);
});

test.each([
  ['cut short', async (copy: string) => truncate(join(copy, 'model.onnx.data'), 100_000)],
  ['without its record', async (copy: string) => rm(join(copy, 'copy.json'))],
  [
    'with one byte changed',
    async (copy: string) => {
      const { open } = await import('node:fs/promises');
      await using file = await open(join(copy, 'model.onnx.data'), 'r+');
      const { buffer } = await file.read(new Uint8Array(1), 0, 1, 50_000);
      await file.write(Uint8Array.of(buffer[0]! ^ 1), 0, 1, 50_000);
    },
  ],
])('a copy %s is made again', async (_, damage) => {
  const { pixels } = await picture();
  await damage(await copyOf('unet'));
  const after = await picture();
  expect(after.told).toEqual(['unet made']);
  expect(after.pixels).toEqual(pixels);
});

test('the copy of another network, and what an ended process left, make way', async () => {
  await picture();
  await writeFile(join(folder, 'unet.0123.draft'), '');
  const { files } = await verifyModelFolder(pinhole.folder);
  const digests = networkDigests(files).set('unet', 'another');
  expect((await picture({ digests })).told).toEqual(['unet made']);
  expect(await readdir(folder)).toHaveLength(3);
});

test('where no copy can be written, the network is loaded without', async () => {
  const blocked = join(folder, 'file');
  await writeFile(blocked, '');
  await chmod(blocked, 0o400);
  const { told, pixels } = await picture({ folder: join(blocked, 'copies') });
  expect(told).toEqual(MADE.map((made) => made.replace('made', 'not-made')));
  expect(pixels).toEqual(await withoutCopies());
});
