import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelDigest } from '../model-folder/verify-model-folder.ts';
import { InferenceSession, Tensor } from '../onnx/runtime.ts';
import { readFloats } from '../onnx/tensors.ts';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import type { PictureRequest } from '../pipelines/pipeline.ts';
import { assembleModel, cases, requestOf } from '../test/families.ts';
import { arrayParity, fixturePath } from '../test/fixtures.ts';

const decode = async (folder: string, request: PictureRequest): Promise<Float32Array> => {
  const pipeline = await loadPipeline(folder, { executionProviders: ['cpu'], intraOpThreads: 1 });
  try {
    return await pipeline.decode(request);
  } finally {
    await pipeline.release();
  }
};

const caseOf = (folder: string, task?: string) =>
  requestOf(cases.find((one) => one.folder === folder && one.request.task === task)!);

const temporary: string[] = [];
async function assemble(published: string, networks: string): Promise<string> {
  const folder = await assembleModel(published, networks);
  temporary.push(folder);
  return folder;
}
afterEach(() => Promise.all(temporary.splice(0).map((path) => rm(path, { recursive: true }))));

async function editJson(path: string, change: Record<string, unknown>): Promise<void> {
  const value = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...value, ...change }));
}

describe('a folder in another layout gives the same picture', () => {
  let folder: string;
  let picture: Float32Array;
  const request = caseOf('sd-1.5');
  beforeEach(async () => {
    folder = await assemble('sd-1.5', 'sd');
    picture = await decode(folder, request);
  });

  it.each(['ORTStableDiffusionPipeline', 'StableDiffusionImg2ImgPipeline'])(
    'that calls itself %s',
    async (name) => {
      await editJson(join(folder, 'model_index.json'), { _class_name: name });
      expect(await decode(folder, request)).toEqual(picture);
    },
  );

  it('with one configuration of the whole VAE, as diffusers writes it', async () => {
    const digest = await modelDigest(folder);
    await mkdir(join(folder, 'vae'));
    await rename(join(folder, 'vae_decoder/config.json'), join(folder, 'vae/config.json'));
    expect(await decode(folder, request)).toEqual(picture);
    // It is read, so it counts.
    const moved = await modelDigest(folder);
    expect(moved).not.toBe(digest);
    await editJson(join(folder, 'vae/config.json'), { scaling_factor: 0.5 });
    expect(await modelDigest(folder)).not.toBe(moved);
  });

  it('that states the scaling_factor, which the published one is older than', async () => {
    const config = await readFile(join(folder, 'vae_decoder/config.json'), 'utf8');
    expect(config).not.toContain('scaling_factor');
    await editJson(join(folder, 'vae_decoder/config.json'), { scaling_factor: 0.18215 });
    expect(await decode(folder, request)).toEqual(picture);
  });

  it.each([
    'OnnxStableDiffusionPipeline',
    // Its name before that, in the revision "onnx" of CompVis/stable-diffusion-v1-4.
    'StableDiffusionOnnxPipeline',
  ])('of diffusers’ own exporter, %s: int32 ids, a timestep a sample, weights.pb', async (name) => {
    const legacy = await assemble('sd-legacy', 'sd-legacy');
    await editJson(join(legacy, 'model_index.json'), { _class_name: name });
    const sized = { ...request, width: 64, height: 64 };
    // Sizes that no file says are those of Stable Diffusion 1, and these networks are smaller.
    await expect(decode(legacy, sized)).rejects.toThrow('it gives 16×16 pixels');
    for (const part of ['unet', 'vae_decoder']) {
      await cp(join(folder, part, 'config.json'), join(legacy, part, 'config.json'));
    }
    expect(arrayParity(await decode(legacy, request), picture)).toBeLessThanOrEqual(1e-4);
    // Its encoder draws the latents itself, from a generator of its own.
    const from = await decode(legacy, caseOf('sd-1.5', 'image-to-image'));
    expect(arrayParity(from, picture)).toBeGreaterThan(0.01);
  });
});

it.each(['scalar', 'float32-scalar', 'float16-scalar', 'float16-batch', 'int64-batch'])(
  'a timestep of another type and rank, %s, gives the same picture',
  async (name) => {
    const request = { ...caseOf('sd-2.1'), initImage: undefined, width: 32, height: 16 };
    const picture = await decode(fixturePath('tiny/batch'), request);
    const other = await decode(fixturePath(`tiny/${name}`), request);
    expect(arrayParity(other, picture)).toBeLessThanOrEqual(1e-6);
  },
);

it('a float16 VAE that overflows decodes once more in float32', async () => {
  const decoder = await InferenceSession.create(
    fixturePath('tiny/overflow/vae_decoder/model.onnx'),
  );
  const halves = new Tensor('float16', new Uint16Array(2).fill(0x3c00), [1, 2, 1, 1]);
  const { sample } = await decoder.run({ latent_sample: halves });
  expect([...readFloats(sample!)].every(Number.isFinite)).toBe(false);
  await decoder.release();

  const request = { ...caseOf('sd-2.1'), width: 32, height: 16 };
  const picture = await decode(fixturePath('tiny/half'), request);
  const other = await decode(fixturePath('tiny/overflow'), request);
  expect(arrayParity(other, picture)).toBeLessThanOrEqual(2e-3);
});

it('a float16 VAE of XL runs in float32 where its configuration says force_upcast', async () => {
  const request = caseOf('sdxl-base');
  const withVae = async (networks: string, upcasts: boolean) => {
    const folder = await assemble('sdxl-base', 'xl');
    const from = fixturePath(`families/networks/${networks}/vae_decoder/model.onnx`);
    await cp(from, join(folder, 'vae_decoder/model.onnx'));
    await editJson(join(folder, 'vae_decoder/config.json'), { force_upcast: upcasts });
    return decode(folder, request);
  };
  const single = await withVae('sd', true);
  const half = arrayParity(await withVae('sd-half', false), single);
  const upcast = arrayParity(await withVae('sd-half', true), single);
  // What is left of the difference are the weights, which are float16 in both.
  expect(upcast).toBeLessThan(half);
  expect(upcast).toBeLessThan(5e-3);
});
