import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entryOf, writeCatalogue } from './model-entry.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-entry-'));
});
afterEach(() => rm(folder, { recursive: true }));

const vae = { block_out_channels: [128, 256, 512, 512] };
async function entry(pipeline: string, unet: unknown) {
  const files = {
    'model_index.json': { _class_name: pipeline },
    'unet/config.json': unet,
    'vae_decoder/config.json': vae,
  };
  for (const [path, json] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), JSON.stringify(json));
  }
  return await entryOf('model', folder, 'org/model');
}

test.each([
  ['StableDiffusionPipeline', 64, [320, 640, 1280, 1280], 50, 7.5, 512, 64],
  ['StableDiffusionPipeline', 96, [320, 640, 1280, 1280], 50, 7.5, 768, 64],
  ['ORTStableDiffusionXLPipeline', 128, [320, 640, 1280], 50, 5, 1024, 32],
  ['LatentConsistencyModelPipeline', 96, [320, 640, 1280, 1280], 4, 8.5, 768, 64],
  ['OnnxStableDiffusionPipeline', null, [320, 640, 1280, 1280], 50, 7.5, 512, 64],
  ['StableDiffusionPipeline', 9, [8, 16], 50, 7.5, 72, 8],
])(
  '%s with samples of %s',
  async (pipeline, sample_size, block_out_channels, steps, guidanceScale, side, multipleOf) => {
    const { defaults, limits } = await entry(pipeline, { sample_size, block_out_channels });
    expect(defaults).toEqual({ steps, guidanceScale, width: side, height: side });
    expect(limits.width).toMatchObject({ max: 2 * side, multipleOf });
    expect(limits.width.min % multipleOf).toBe(0);
  },
);

test('has both sides where samples are not square', async () => {
  const unet = { sample_size: [64, 96], block_out_channels: [1, 1, 1, 1] };
  const { defaults } = await entry('StableDiffusionPipeline', unet);
  expect(defaults).toMatchObject({ height: 512, width: 768 });
});

test('names the file that says too little', async () => {
  await expect(entry('StableDiffusionPipeline', {})).rejects.toThrow(
    /no catalogue entry .*unet\/config.json: .*block_out_channels.*write the entry yourself/s,
  );
});

test('is not written over one that is there', async () => {
  const made = await entry('StableDiffusionPipeline', { block_out_channels: [1] });
  const path = join(folder, 'model.json');
  await writeCatalogue(path, made);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ models: [made] });
  await writeFile(path, 'changed by hand');
  await writeCatalogue(path, made);
  expect(await readFile(path, 'utf8')).toBe('changed by hand');
});
