import { cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ModelError } from '../model-error.ts';
import { verifyModelFolder } from '../model-folder/verify-model-folder.ts';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import type { PictureRequest } from '../pipelines/pipeline.ts';
import { assembleModel, cases, height, requestOf, width } from '../test/families.ts';
import { fixturePath } from '../test/fixtures.ts';

const temporary: string[] = [];
async function assemble(published: string, networks: string): Promise<string> {
  const folder = await assembleModel(published, networks);
  temporary.push(folder);
  return folder;
}
afterEach(() => Promise.all(temporary.splice(0).map((path) => rm(path, { recursive: true }))));

const load = (folder: string) =>
  loadPipeline(folder, { executionProviders: ['cpu'], intraOpThreads: 1 });

async function editJson(path: string, change: Record<string, unknown>): Promise<void> {
  const value = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...value, ...change }));
}

async function swap(folder: string, one: string, other: string): Promise<void> {
  const [a, b] = [join(folder, one, 'model.onnx'), join(folder, other, 'model.onnx')];
  await rename(a, `${a}.old`);
  await rename(b, a);
  await rename(`${a}.old`, b);
}

type Damage = (folder: string) => Promise<void>;
const index = (change: Record<string, unknown>): Damage => {
  return (folder) => editJson(join(folder, 'model_index.json'), change);
};
const config = (part: string, change: Record<string, unknown>): Damage => {
  return (folder) => editJson(join(folder, part, 'config.json'), change);
};
/** The network of another model in the place of this one's. */
const take = (part: string, published: string, networks: string): Damage => {
  return async (folder) => {
    const other = await assemble(published, networks);
    await cp(join(other, part, 'model.onnx'), join(folder, part, 'model.onnx'));
  };
};

describe('a model is refused when it is loaded, by file and remedy', () => {
  it.each<[string, [string, string], Damage, string]>([
    [
      'of an unknown family',
      ['sd-1.5', 'sd'],
      index({ _class_name: 'FluxPipeline' }),
      'its _class_name is FluxPipeline, and there is no such pipeline here. Use a model of one of these: StableDiffusionPipeline',
    ],
    [
      'that is a refiner',
      ['sdxl-base', 'xl'],
      index({ requires_aesthetics_score: true }),
      'it is a refiner',
    ],
    [
      'XL that says that it is Stable Diffusion',
      ['sdxl-base', 'xl'],
      index({ _class_name: 'StableDiffusionPipeline' }),
      'its inputs are sample, timestep, encoder_hidden_states, text_embeds, time_ids, where sample, timestep, encoder_hidden_states are expected',
    ],
    [
      'with latent consistency that says that it is Stable Diffusion, without its width',
      ['lcm-dreamshaper', 'lcm'],
      async (folder) => {
        await index({ _class_name: 'StableDiffusionPipeline' })(folder);
        await config('unet', { time_cond_proj_dim: null })(folder);
      },
      'its inputs are sample, timestep, encoder_hidden_states, timestep_cond',
    ],
    [
      'with latent consistency that was not distilled',
      ['lcm-dreamshaper', 'lcm'],
      config('unet', { time_cond_proj_dim: null }),
      'it has no time_cond_proj_dim',
    ],
    [
      'whose UNet and text encoder are swapped',
      ['sd-1.5', 'sd'],
      (folder) => swap(folder, 'unet', 'text_encoder'),
      'unet/model.onnx is not the network that belongs there: its inputs are input_ids',
    ],
    [
      'whose text encoders are swapped',
      ['sdxl-base', 'xl'],
      (folder) => swap(folder, 'text_encoder', 'text_encoder_2'),
      'text_encoder_2/model.onnx is not the network that belongs there',
    ],
    [
      'whose decoder is its encoder',
      ['sd-1.5', 'sd'],
      (folder) => swap(folder, 'vae_decoder', 'vae_encoder'),
      'vae_decoder/model.onnx is not the network that belongs there: its inputs are sample',
    ],
    [
      'whose UNet is another than its configuration says',
      ['sd-2-inpainting', 'inpaint'],
      config('unet', { in_channels: 4 }),
      'it takes 9 channels, where in_channels is 4',
    ],
    [
      'whose text encoder is of another model',
      ['sdxl-base', 'xl'],
      take('text_encoder', 'sd-1.5', 'sd'),
      'text_encoder/model.onnx is not the network that belongs there: it gives no hidden_states.1',
    ],
    [
      'with a decoder in the place of its UNet',
      ['sd-1.5', 'sd'],
      (folder) => cp(join(folder, 'vae_decoder/model.onnx'), join(folder, 'unet/model.onnx')),
      'unet/model.onnx is not the network that belongs there: its inputs are latent_sample, where',
    ],
    [
      'with the UNet of XL',
      ['sd-1.5', 'sd'],
      take('unet', 'sdxl-base', 'xl'),
      'unet/model.onnx is not the network that belongs there: its inputs are sample, timestep, encoder_hidden_states, text_embeds, time_ids, where',
    ],
    [
      'with the UNet of one for inpainting',
      ['sd-1.5', 'sd'],
      take('unet', 'sd-2-inpainting', 'inpaint'),
      'unet/model.onnx is not the network of unet/config.json: it takes 9 channels',
    ],
    [
      'for inpainting with the UNet of one that is not',
      ['sd-2-inpainting', 'inpaint'],
      take('unet', 'sd-1.5', 'sd'),
      'it takes 4 channels, where in_channels is 9. Take both from the same export',
    ],
    [
      'with a UNet that was not distilled',
      ['lcm-dreamshaper', 'lcm'],
      take('unet', 'sd-1.5', 'sd'),
      'where sample, timestep, encoder_hidden_states, timestep_cond are expected. Put the right network there',
    ],
    [
      'with a UNet that attends to a wider text',
      ['sd-1.5', 'sd'],
      async (folder) => {
        const path = join(folder, 'unet/model.onnx');
        await cp(fixturePath('tiny/batch/unet/model.onnx'), path);
        await config('unet', { in_channels: 2 })(folder);
      },
      'text_encoder/model.onnx cannot be used with unet/model.onnx: the text is 8 wide, where 1 are expected',
    ],
    [
      'with a mean for each channel of another VAE',
      ['sdxl-normalized', 'xl'],
      config('vae_decoder', { latents_mean: [1, 2] }),
      'its latents_mean has 2 values, where the latents have 4 channels',
    ],
    [
      'with more bytes than one ONNX file can hold',
      ['sd-1.5', 'sd'],
      (folder) => truncate(join(folder, 'unet/model.onnx'), 2 ** 31),
      'it has 2147483648 bytes, more than the 2147483647 that one file can hold. Export the model with its weights beside the graph',
    ],
    [
      'whose weights beside the graph are cut short',
      ['sd-legacy', 'sd-legacy'],
      (folder) => truncate(join(folder, 'unet/weights.pb'), 1000),
      'unet/weights.pb cannot be used: it is cut short: 1000 bytes of the',
    ],
    [
      'whose weights beside the graph are missing',
      ['sd-legacy', 'sd-legacy'],
      (folder) => rm(join(folder, 'unet/weights.pb')),
      'unet/weights.pb cannot be used: it is missing, and',
    ],
    [
      'whose encoder of pictures is cut short',
      ['sd-1.5', 'sd'],
      (folder) => truncate(join(folder, 'vae_encoder/model.onnx'), 5000),
      'vae_encoder/model.onnx cannot be used: it is cut short',
    ],
    [
      'without its second tokenizer',
      ['sdxl-base', 'xl'],
      (folder) => rm(join(folder, 'tokenizer_2/merges.txt')),
      'missing or empty: tokenizer_2/tokenizer.json (or tokenizer_2/vocab.json and tokenizer_2/merges.txt)',
    ],
    [
      'without any configuration of its VAE',
      ['sd-1.5', 'sd'],
      (folder) => rm(join(folder, 'vae_decoder/config.json')),
      'missing or empty: vae_decoder/config.json (or vae/config.json)',
    ],
  ])('%s', async (_what, [published, networks], damage, message) => {
    const folder = await assemble(published, networks);
    await damage(folder);
    const loading = load(folder);
    await expect(loading).rejects.toThrow(ModelError);
    await expect(loading).rejects.toThrow(message);
  });

  it('and the next one is loaded', async () => {
    const pipeline = await load(await assemble('sd-1.5', 'sd'));
    const request = requestOf(cases[0]!);
    expect(await pipeline.decode(request)).toHaveLength(3 * width * height);
    await pipeline.release();
  });

  it('by verify as well, where the files tell', async () => {
    const folder = await assemble('sd-legacy', 'sd-legacy');
    const { files } = await verifyModelFolder(folder);
    expect(files.map(({ path }) => path)).toContain('unet/weights.pb');
    await truncate(join(folder, 'unet/weights.pb'), 1000);
    await expect(verifyModelFolder(folder)).rejects.toThrow('unet/weights.pb cannot be used');
  });
});

describe('the digest', () => {
  it('covers the files of the second text encoder', async () => {
    const folder = await assemble('sdxl-base', 'xl');
    const paths = (await verifyModelFolder(folder)).files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(['text_encoder_2/model.onnx', 'tokenizer_2/vocab.json']),
    );
  });
});

describe('a picture is refused with the reason', () => {
  const text = requestOf(cases.find((one) => one.request.task === undefined)!);
  const paint = requestOf(cases.find((one) => one.request.task === 'inpainting')!);
  it.each<[string, string, Partial<PictureRequest>, string]>([
    ['sd', 'sd-1.5', { width: 42 }, 'Ask for a width of 40 or 44'],
    ['sd', 'sd-1.5', { width: 1, height: 27 }, 'a width of 4 and a height of 24 or 28'],
    ['sd', 'sd-1.5', { mask: paint.mask }, 'there is a mask and no picture'],
    ['sd', 'sd-1.5', { initImage: new Float32Array(5) }, 'initImage has 5 values, where 3×24×40'],
    ['sd', 'sd-1.5', { initImage: paint.initImage, strength: 0 }, 'strength 0'],
    ['sd', 'sd-1.5', { initImage: paint.initImage, strength: 1.5 }, 'strength 1.5'],
    ['inpaint', 'sd-2-inpainting', {}, 'the model is one for inpainting. Give it a picture'],
    ['inpaint', 'sd-2-inpainting', { initImage: paint.initImage }, 'one for inpainting'],
  ])('%s: %#', async (networks, published, change, message) => {
    const pipeline = await load(await assemble(published, networks));
    const made = pipeline.decode({ ...text, ...change });
    await expect(made).rejects.toThrow(ModelError);
    await expect(made).rejects.toThrow(message);
    await pipeline.release();
  });

  it('where the encoder of pictures is another network', async () => {
    const folder = await assemble('sd-1.5', 'sd');
    await cp(join(folder, 'vae_decoder/model.onnx'), join(folder, 'vae_encoder/model.onnx'));
    const pipeline = await load(folder);
    await expect(pipeline.decode(paint)).rejects.toThrow(
      'vae_encoder/model.onnx is not the network that belongs there: its inputs are latent_sample',
    );
    expect(await pipeline.decode(text)).toHaveLength(3 * width * height);
    await pipeline.release();
  });

  it('where the folder has no encoder of pictures', async () => {
    const folder = await assemble('sd-1.5', 'sd');
    await rm(join(folder, 'vae_encoder'), { recursive: true });
    const pipeline = await load(folder);
    expect(await pipeline.decode(text)).toHaveLength(3 * width * height);
    await expect(pipeline.decode(paint)).rejects.toThrow('vae_encoder/model.onnx');
    await pipeline.release();
  });
});
