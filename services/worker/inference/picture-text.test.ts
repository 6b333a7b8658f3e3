import { METADATA_KEYWORD, pictureMetadata, schedulerName } from '@darkroom/contract';
import { loadPipeline } from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pinholeRequest } from '../testing/pinhole-inference.ts';
import { pictureText } from './picture-text.ts';
import type { InferenceRequest } from './protocol.ts';
import { webuiParameters } from './webui-parameters.ts';

const identity = {
  engine: '1.2.3',
  onnxruntime: '4.5.6',
  node: '7.8.9',
  executionProviders: ['cuda', 'cpu'],
  provider: 'cuda',
};
const modelDigest = 'sha256:0123456789abcdef';

let pipeline: Awaited<ReturnType<typeof loadPipeline>>;
beforeAll(async () => {
  pipeline = await loadPipeline(pinhole.folder, { executionProviders: ['cpu'] });
});
afterAll(() => pipeline.release());

const textOf = (change: Partial<InferenceRequest> = {}, vaeTiling = false) => {
  const request = { ...pinholeRequest, ...change };
  const scheduler = pipeline.schedulerOf(request);
  return pictureText({ request, scheduler, vaeTiling, modelDigest, identity });
};
const metadataOf = (change?: Partial<InferenceRequest>) =>
  pictureMetadata.parse(JSON.parse(textOf(change)[METADATA_KEYWORD] ?? ''));

describe('the metadata', () => {
  it('name all that made the picture, and nothing else', () => {
    const { scheduler, ...others } = metadataOf();
    expect(others).toEqual({ version: 1, request: pinholeRequest, modelDigest, ...identity });
    expect(scheduler).toMatchObject({
      name: 'euler-ancestral',
      className: 'EulerAncestralDiscreteScheduler',
      config: { prediction_type: 'v_prediction' },
    });
  });

  it('name the tiles of the VAE where there are any', () => {
    const metadata = JSON.parse(textOf({}, true)[METADATA_KEYWORD] ?? '');
    expect(pictureMetadata.parse(metadata).vaeTiling).toBe(true);
    expect(metadataOf()).not.toHaveProperty('vaeTiling');
  });

  it('name the scheduler that the model’s own configuration decides', () => {
    const { request, scheduler } = metadataOf({ scheduler: undefined });
    expect(request).not.toHaveProperty('scheduler');
    expect(scheduler).toMatchObject({ name: 'ddim', className: 'DDIMScheduler' });
  });

  it('write what JSON has no number for as text', () => {
    const { config } = metadataOf({ scheduler: 'dpmpp-2m' }).scheduler;
    expect(config).toMatchObject({ lambda_min_clipped: '-Infinity' });
  });

  it('show what the request chose of its configuration', () => {
    const { scheduler } = metadataOf({ scheduler: 'euler', karras: true });
    expect(scheduler.config).toMatchObject({ use_karras_sigmas: true });
  });

  it.each([
    [7n, 7],
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [2n ** 53n, '9007199254740992'],
    [2n ** 64n - 1n, '18446744073709551615'],
  ])('hold the seed %d to its last digit', (seed, expected) => {
    expect(metadataOf({ seed }).request.seed).toBe(expected);
    expect(textOf({ seed })['parameters']).toContain(`Seed: ${seed},`);
  });

  it('are the same bytes in whatever order the request’s fields come', () => {
    const { width, steps, prompt, ...others } = pinholeRequest;
    const scheduler = pipeline.schedulerOf(pinholeRequest);
    const request = { steps, width, ...others, prompt };
    const making = { request, scheduler, vaeTiling: false, modelDigest, identity };
    expect(pictureText(making)).toEqual(textOf());
  });

  it('hold any prompt', () => {
    const prompt = 'line\nline\r\t"quotes" \\ \x1b 星🌟 ';
    expect(metadataOf({ prompt }).request.prompt).toBe(prompt);
  });
});

describe('the parameters', () => {
  it('are as the webui writes them', () => {
    expect(
      textOf({ negativePrompt: 'blurry\ndark, small', guidanceScale: 7.5 })['parameters'],
    ).toBe(
      'a large red star on a blue background\n' +
        'Negative prompt: blurry\ndark, small\n' +
        'Steps: 12, Sampler: Euler a, CFG scale: 7.5, Seed: 7, Size: 64x64, ' +
        'Model hash: 0123456789, Model: pinhole, RNG: CPU, Version: Darkroom 1.2.3',
    );
  });

  it('has the strength by the name that the webui gives it', () => {
    expect(textOf({ strength: 0.3 }).parameters).toContain('Denoising strength: 0.3');
    expect(textOf().parameters).not.toContain('Denoising');
  });

  it('leave out an empty negative prompt, and name the schedule', () => {
    const { parameters } = textOf({ scheduler: 'dpmpp-2m', karras: true });
    expect(parameters?.split('\n')).toEqual([
      pinholeRequest.prompt,
      expect.stringMatching(
        /^Steps: 12, Sampler: DPM\+\+ 2M, Schedule type: Karras, CFG scale: 4,/,
      ),
    ]);
  });

  it.each(schedulerName.options)('do not name %s as only Darkroom does', (name) => {
    expect(textOf({ scheduler: name })['parameters']).toMatch(/Sampler: [A-Z][\w+ ]*, /);
  });

  it('name the class of an algorithm that the webui does not have', () => {
    const { request, ...others } = metadataOf();
    const scheduler = {
      name: 'dpmpp-single',
      className: 'DPMSolverSinglestepScheduler',
      config: {},
    };
    expect(webuiParameters({ ...others, request, scheduler })).toContain(
      'Sampler: DPMSolverSinglestepScheduler,',
    );
  });
});
