import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelError } from '../model-error.ts';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import { fixturePath } from '../test/fixtures.ts';
import { modelDigest, verifyModelFolder } from './verify-model-folder.ts';

const requiredFiles = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'tokenizer/tokenizer_config.json',
  'text_encoder/config.json',
  'text_encoder/model.onnx',
  'unet/config.json',
  'unet/model.onnx',
  'vae_decoder/config.json',
  'vae_decoder/model.onnx',
];

const load = (folder: string) => loadPipeline(folder, { executionProviders: ['cpu'] });

const schedulerFile = 'scheduler/scheduler_config.json';

const small = {
  prompt: '',
  negativePrompt: '',
  seed: 0,
  steps: 2,
  guidanceScale: 1,
  width: 8,
  height: 8,
} as const;

describe('a model folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'model-'));
    await cp(fixturePath('tiny/scalar'), folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('that is whole lists every file with its size and digest', async () => {
    const { files, size, digest } = await verifyModelFolder(folder);
    const paths = files.map((file) => file.path);
    expect(paths).toEqual(expect.arrayContaining([...requiredFiles]));
    expect(paths).toContain('vae_decoder/model.onnx_data');
    expect(paths).toEqual(paths.toSorted());
    expect(files.find((file) => file.path === 'unet/config.json')).toEqual({
      path: 'unet/config.json',
      size: (await readFile(join(folder, 'unet/config.json'))).length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(size).toBe(files.reduce((sum, file) => sum + file.size, 0));
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('has another digest when a byte of the model changes, and none for a note beside it', async () => {
    const digest = await modelDigest(folder);
    await writeFile(join(folder, 'README.md'), 'notes');
    expect(await modelDigest(folder)).toBe(digest);
    await writeFile(join(folder, 'unet/config.json'), '{ "in_channels": 3 }');
    expect(await modelDigest(folder)).not.toBe(digest);
  });

  it.each([...requiredFiles])('without %s is refused by that name', async (file) => {
    await rm(join(folder, file));
    await expect(verifyModelFolder(folder)).rejects.toThrow(`missing or empty: ${file}`);
    await expect(load(folder)).rejects.toThrow(`missing or empty: ${file}`);
  });

  it('without any tokenizer is refused', async () => {
    await rm(join(folder, 'tokenizer/vocab.json'));
    await expect(load(folder)).rejects.toThrow(
      'tokenizer/tokenizer.json (or tokenizer/vocab.json and tokenizer/merges.txt)',
    );
  });

  it.each(requiredFiles.filter((file) => file.endsWith('.onnx')))(
    'with %s cut short is refused',
    async (file) => {
      const { length } = await readFile(join(folder, file));
      for (const left of [length - 1, Math.floor(length / 2), 3]) {
        await truncate(join(folder, file), left);
        await expect(verifyModelFolder(folder)).rejects.toThrow(
          new RegExp(`${file} cannot be used: it is`),
        );
        await expect(load(folder)).rejects.toThrow(ModelError);
      }
    },
  );

  it('whose weights beside the graph are missing is refused', async () => {
    await rm(join(folder, 'vae_decoder/model.onnx_data'));
    await expect(load(folder)).rejects.toThrow(
      /vae_decoder.model\.onnx_data cannot be used: it is missing/,
    );
  });

  it.each(requiredFiles.filter((file) => file.endsWith('config.json')))(
    'with %s cut short is refused',
    async (file) => {
      await truncate(join(folder, file), 5);
      await expect(load(folder)).rejects.toThrow(`${file} cannot be used`);
    },
  );

  it('with another network in the place of the UNet is refused by its inputs', async () => {
    await cp(join(folder, 'text_encoder/model.onnx'), join(folder, 'unet/model.onnx'));
    await expect(load(folder)).rejects.toThrow(
      'its inputs are input_ids, where sample, timestep, encoder_hidden_states are expected',
    );
  });

  it('that is not there is refused', async () => {
    await expect(verifyModelFolder(join(folder, 'none'))).rejects.toThrow('is not complete');
  });

  it('names a scheduler setting that makes no sense, and its value', async () => {
    await writeFile(join(folder, schedulerFile), '{ "thresholding": "yes" }');
    await expect(load(folder)).rejects.toThrow('thresholding is "yes"');
  });

  it('whose own scheduler has a setting that is not computed works with another', async () => {
    const config = { _class_name: 'DDPMScheduler', variance_type: 'learned_range' };
    await writeFile(join(folder, schedulerFile), JSON.stringify(config));
    const pipeline = await load(folder);
    await expect(pipeline.generate(small)).rejects.toThrow('variance_type is "learned_range"');
    const { png } = await pipeline.generate({ ...small, scheduler: 'euler' });
    expect(png.length).toBeGreaterThan(0);
    await pipeline.release();
  });

  it('as Stable Diffusion 1.5 is published runs by its own PNDM', async () => {
    // scheduler_config.json of that model.
    const config = {
      _class_name: 'PNDMScheduler',
      _diffusers_version: '0.6.0',
      beta_end: 0.012,
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      num_train_timesteps: 1000,
      set_alpha_to_one: false,
      skip_prk_steps: true,
      steps_offset: 1,
      trained_betas: null,
      clip_sample: false,
    };
    await writeFile(join(folder, schedulerFile), JSON.stringify(config));
    const pipeline = await load(folder);
    const calls: number[] = [];
    const own = await pipeline.generate(small, { onStep: ({ step }) => calls.push(step) });
    expect(calls).toEqual([1, 2, 3]);
    expect(own.png).toEqual((await pipeline.generate({ ...small, scheduler: 'pndm' })).png);
    expect(own.png).not.toEqual((await pipeline.generate({ ...small, scheduler: 'ddim' })).png);
    await pipeline.release();
  });

  it('may have the infinities that Python writes', async () => {
    const file = join(folder, schedulerFile);
    await writeFile(
      file,
      '{ "_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity }',
    );
    const pipeline = await load(folder);
    const { png } = await pipeline.generate(small);
    expect(png.length).toBeGreaterThan(0);
    await pipeline.release();
  });

  it('whose own scheduler is not built in works with one that is', async () => {
    const file = join(folder, schedulerFile);
    await writeFile(file, '{ "_class_name": "EDMEulerScheduler" }');
    const pipeline = await load(folder);
    await expect(pipeline.generate(small)).rejects.toThrow("the model's own scheduler is EDMEuler");
    const { png } = await pipeline.generate({ ...small, scheduler: 'euler' });
    expect(png.length).toBeGreaterThan(0);
    await pipeline.release();
  });
});
