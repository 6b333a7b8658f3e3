import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import type { PictureRequest, Pipeline, Task } from '../pipelines/pipeline.ts';
import { encodePng } from '../pipelines/png.ts';
import { assembleModel, initImage, mask } from '../test/families.ts';
import { arrayParity, fixturePath, pictureParity, readFixture } from '../test/fixtures.ts';

/** Pictures as diffusers' pipelines make them, see test/reference/make_families.py. */
type Case = {
  folder: string;
  networks: string;
  request: Omit<PictureRequest, 'width' | 'height'> & { task?: Task };
  standardDeviation: number;
  /** Share of values at 0 or 255. */
  clipped: number;
};

const { width, height, cases } = readFixture<{ width: number; height: number; cases: Case[] }>(
  'families/cases.json',
);
const size = 3 * width * height;
const read = (file: string) => new Uint8Array(readFileSync(fixturePath(`families/${file}`)));
const pictures = read('pictures.u8');
const decoded = new Float16Array(read('decoded.f16').buffer);

const folders = [...new Set(cases.map(({ folder }) => folder))];
const titled = cases.map((one, i) => {
  const { seed, guidanceScale, task = 'text-to-image' } = one.request;
  return { ...one, i, title: `${task}, seed ${seed}, guidance ${guidanceScale}` };
});

describe.each(folders)('%s', (folder) => {
  const own = titled.filter((one) => one.folder === folder);
  let pipeline: Pipeline;
  let path: string;
  beforeAll(async () => {
    path = await assembleModel(folder, own[0]!.networks);
    pipeline = await loadPipeline(path, { executionProviders: ['cpu'], intraOpThreads: 1 });
  });
  afterAll(async () => {
    await pipeline?.release();
    await rm(path, { recursive: true });
  });

  it.each(own)('$title: the picture of diffusers, by the model’s own defaults', async (one) => {
    expect(one.standardDeviation).toBeGreaterThanOrEqual(10);
    expect(one.clipped).toBeLessThan(0.05);
    const { task = 'text-to-image', ...request } = one.request;
    const pixels = await pipeline.decode({
      ...request,
      width,
      height,
      ...(task !== 'text-to-image' && { initImage: initImage(width, height) }),
      ...(task === 'inpainting' && { mask: mask(width, height) }),
    });
    const expected = pictures.subarray(one.i * size, (one.i + 1) * size);
    const made = planes(decode(encodePng(pixels, width, height)).data);
    // Written in half precision, which keeps 3 decimals.
    const reference = Float32Array.from(decoded.subarray(one.i * size, (one.i + 1) * size));
    expect(arrayParity(pixels, reference)).toBeLessThanOrEqual(2e-3);
    expect(pictureParity(made, expected)).toBeGreaterThanOrEqual(0.999);
  });
});

/** [height, width, 3] to [3, height, width]. */
function planes(data: ArrayLike<number>): Uint8Array {
  const area = data.length / 3;
  return Uint8Array.from(
    { length: data.length },
    (_, i) => data[(i % area) * 3 + Math.floor(i / area)]!,
  );
}
