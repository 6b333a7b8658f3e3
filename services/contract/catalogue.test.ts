import { expect, it } from 'vitest';
import type { z } from 'zod';
import { modelCatalogue } from './catalogue.ts';

type Entry = z.input<typeof modelCatalogue>['models'][number];

const model: Entry = {
  name: 'pinhole',
  limits: { steps: 150, count: 4, width: { min: 64, max: 128 }, height: { min: 64, max: 64 } },
  defaults: { steps: 20, guidanceScale: 4, width: 64, height: 64 },
};

/** The problems of a catalogue, each as `PATH: MESSAGE`. */
function problemsOf(change: Partial<Entry>): string[] {
  const { error } = modelCatalogue.safeParse({ models: [{ ...model, ...change }] });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

it('is accepted where every default is within its limit', () => {
  expect(problemsOf({})).toEqual([]);
});

it.each([
  [{ steps: 200 }, 'steps', 'steps is 200, at most 150 is allowed'],
  [{ guidanceScale: 31 }, 'guidanceScale', 'guidanceScale is 31, at most 30 is allowed'],
  [
    { width: 60 },
    'width',
    'width is 60, it must be a multiple of 8 from 64 to 128; the nearest is 64',
  ],
  [{ height: 72 }, 'height', 'height is 72, it must be 64'],
  [
    { scheduler: 'ddim', karras: true } as const,
    'karras',
    'karras is not available with scheduler ddim; use one of euler, heun, lms, deis, unipc, dpmpp-2m, dpmpp-2m-sde, dpmpp-single, kdpm2, kdpm2-ancestral, flow-match-euler',
  ],
])('is refused for the defaults %j, with the model and the field', (change, field, problem) => {
  expect(problemsOf({ defaults: { ...model.defaults, ...change } })).toEqual([
    `models.0.defaults.${field}: model pinhole breaks its own limits: ${problem}`,
  ]);
});

it.each([
  [{ min: 128, max: 64 }, 'min must not be larger than max'],
  [{ min: 65, max: 71 }, 'no whole multiple of multipleOf lies between min and max'],
])('is refused for a side of %j, which no picture can have', (width, problem) => {
  expect(problemsOf({ limits: { ...model.limits, width } })).toContain(
    `models.0.limits.width: ${problem}`,
  );
});
