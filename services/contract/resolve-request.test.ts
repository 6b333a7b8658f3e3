import { describe, expect, it } from 'vitest';
import { modelEntry } from './catalogue.ts';
import { DarkroomError } from './errors.ts';
import type { GenerationInput } from './generation.ts';
import { findModel, resolveRequest } from './resolve-request.ts';

const model = modelEntry.parse({
  name: 'pinhole',
  limits: {
    steps: 150,
    count: 4,
    width: { min: 64, max: 128 },
    height: { min: 64, max: 64 },
    promptLength: 10,
  },
  defaults: { steps: 20, guidanceScale: 4, width: 64, height: 64, scheduler: 'ddim' },
});

const resolve = (input: Partial<GenerationInput>) =>
  resolveRequest({ prompt: 'x', ...input }, model, 99);

function problemOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(DarkroomError);
    expect((error as DarkroomError).kind).toBe('request');
    return (error as DarkroomError).message;
  }
  return expect.fail('it was accepted');
}

it("fills the gaps from the model's defaults and the drawn seed", () => {
  expect(resolve({})).toEqual({
    model: 'pinhole',
    prompt: 'x',
    negativePrompt: '',
    seed: 99,
    steps: 20,
    guidanceScale: 4,
    width: 64,
    height: 64,
    count: 1,
    scheduler: 'ddim',
  });
});

it('keeps every choice of the caller, zero included', () => {
  const input = {
    seed: 0,
    guidanceScale: 0,
    scheduler: 'euler',
    karras: true,
    width: 128,
  } as const;
  expect(resolve(input)).toMatchObject(input);
});

it('keeps longPrompt where it is not what an absent one means', () => {
  expect(resolve({ prompt: 'x', longPrompt: 'chunks' })).toHaveProperty('longPrompt', 'chunks');
  expect(resolve({ prompt: 'x', longPrompt: 'truncate' })).not.toHaveProperty('longPrompt');
});

it('leaves the scheduler to the model folder where nobody names one', () => {
  const { scheduler: _, ...defaults } = model.defaults;
  expect(resolveRequest({ prompt: 'x' }, { ...model, defaults }, 1)).not.toHaveProperty(
    'scheduler',
  );
});

describe('holds an input against the limits of the model', () => {
  it.each([
    [{ steps: 1e9 }, 'steps is 1000000000, at most 150 is allowed'],
    [{ count: 5 }, 'count is 5, at most 4 is allowed'],
    [{ guidanceScale: 31 }, 'guidanceScale is 31, at most 30 is allowed'],
    [{ width: 60 }, 'width is 60, it must be a multiple of 8 from 64 to 128; the nearest is 64'],
    [
      { width: 68 },
      'width is 68, it must be a multiple of 8 from 64 to 128; the nearest are 64 and 72',
    ],
    [
      { width: 1e6 },
      'width is 1000000, it must be a multiple of 8 from 64 to 128; the nearest is 128',
    ],
    [{ mask: 'AAAA' }, 'mask is given without initImage, the picture that it is for'],
    [{ strength: 0.5 }, 'strength is given without initImage, the picture that it is for'],
    [
      { initImage: 'AAAA', strength: 0.1, steps: 8 },
      'strength 0.1 leaves none of 8 steps; ask for at least 0.125, or for more steps',
    ],
    [{ height: 1e6 }, 'height is 1000000, it must be 64'],
    [{ prompt: 'x'.repeat(100_000) }, 'prompt has 100000 characters, at most 10 are allowed'],
    [
      { negativePrompt: '🎨'.repeat(11) },
      'negativePrompt has 11 characters, at most 10 are allowed',
    ],
    [
      { karras: true },
      'karras is not available with scheduler ddim; use one of euler, heun, lms, deis, unipc, dpmpp-2m, dpmpp-2m-sde, dpmpp-single, kdpm2, kdpm2-ancestral, flow-match-euler',
    ],
  ])('%j', (input, problem) => {
    expect(problemOf(() => resolve(input))).toBe(`model pinhole: ${problem}`);
  });

  it('counts characters as people do', () => {
    expect(resolve({ prompt: '🎨'.repeat(10) }).prompt).toHaveLength(20);
  });

  it('tells every problem together', () => {
    expect(problemOf(() => resolve({ steps: 151, width: 1 }))).toMatch(
      /steps is 151.*; width is 1/,
    );
  });
});

describe('the model of a request', () => {
  const catalogue = { models: [model, { ...model, name: 'sd-turbo' }] };

  it('is the named one, or the first', () => {
    expect(findModel(catalogue, 'sd-turbo').name).toBe('sd-turbo');
    expect(findModel(catalogue, undefined).name).toBe('pinhole');
  });

  it('is refused with the names there are when it is not in the catalogue', () => {
    expect(problemOf(() => findModel(catalogue, 'No such model'))).toBe(
      'model: "No such model" is not in the catalogue; it has pinhole, sd-turbo',
    );
  });
});
