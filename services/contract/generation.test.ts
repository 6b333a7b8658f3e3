import { describe, expect, it } from 'vitest';
import { generationInput } from './generation.ts';
import { readableIssues } from './readable-issues.ts';

/** The problems of an input as people read them; undefined where it is accepted. */
function problemsOf(input: unknown): string | undefined {
  const result = generationInput.safeParse(input);
  return result.success ? undefined : readableIssues(result.error);
}

describe('an input that is accepted', () => {
  it.each([
    { prompt: 'a red circle' },
    { prompt: '🎨 ein Kreis, 円' },
    { prompt: 'x', seed: 2 ** 53 - 1, steps: 1, guidanceScale: 0, scheduler: 'ddim' },
    { prompt: 'x', seed: '18446744073709551615' },
    { prompt: 'x', deadline: '2030-01-31T12:00:00+02:00', idempotencyKey: 'order 7' },
  ])('%j', (input) => {
    expect(problemsOf(input)).toBeUndefined();
  });
});

const SEED_RULE =
  'seed: must be a whole number from 0 to 18446744073709551615, or -1 for a random one; ' +
  'write one above 9007199254740991 as a string';

describe('an input that is refused, with the field, the problem and the remedy', () => {
  it.each([
    [undefined, 'the input: is missing'],
    ['text', 'the input: must be an object, not string'],
    [{}, 'prompt: is missing'],
    [{ prompt: '' }, 'prompt: must not be empty'],
    [{ prompt: ' \n\t' }, 'prompt: must not be empty'],
    [{ prompt: 'a\0b' }, 'prompt: must not contain null bytes'],
    [{ prompt: 'x', negativePrompt: '\0' }, 'negativePrompt: must not contain null bytes'],
    [{ prompt: 'x', idempotencyKey: 'a\0b' }, 'idempotencyKey: must not contain null bytes'],
    [{ prompt: '\ud800' }, 'prompt: must be well-formed Unicode'],
    [{ prompt: 7 }, 'prompt: must be a string, not number'],
    [{ prompt: 'x', steps: 0 }, 'steps: must be at least 1'],
    [{ prompt: 'x', steps: 1.5 }, 'steps: must be a whole number'],
    [{ prompt: 'x', steps: Number.NaN }, 'steps: must be a number, not NaN'],
    [{ prompt: 'x', steps: null }, 'steps: must be a number, not null'],
    [{ prompt: 'x', seed: 2 ** 53 }, SEED_RULE],
    [{ prompt: 'x', seed: 1e300 }, SEED_RULE],
    [{ prompt: 'x', seed: -2 }, SEED_RULE],
    [{ prompt: 'x', seed: 0.5 }, SEED_RULE],
    [{ prompt: 'x', seed: Number.NaN }, SEED_RULE],
    [{ prompt: 'x', seed: null }, SEED_RULE],
    [{ prompt: 'x', seed: '18446744073709551616' }, SEED_RULE],
    [{ prompt: 'x', seed: '' }, SEED_RULE],
    [{ prompt: 'x', seed: '0x10' }, SEED_RULE],
    [{ prompt: 'x', seed: '1e3' }, SEED_RULE],
    [{ prompt: 'x', seed: '9'.repeat(100_000) }, SEED_RULE],
    [{ prompt: 'x', width: 0 }, 'width: must be at least 1'],
    [{ prompt: 'x', height: -64 }, 'height: must be at least 1'],
    [{ prompt: 'x', steps: -1e300 }, 'steps: must be at least 1'],
    [{ prompt: 'x', steps: 1e300 }, 'steps: must be at most 9007199254740991'],
    [{ prompt: 'x', webhook: {} }, 'webhook.url: is missing'],
    [{ prompt: 'x', guidanceScale: -1 }, 'guidanceScale: must be at least 0'],
    [
      { prompt: 'x', scheduler: 'fastest' },
      'scheduler: must be one of euler, euler-ancestral, heun, lms, ddim, ddpm, pndm, deis, unipc, dpmpp-2m, dpmpp-2m-sde, dpmpp-single, kdpm2, kdpm2-ancestral, lcm, tcd, flow-match-euler',
    ],
    [{ prompt: 'x', idempotencyKey: '' }, 'idempotencyKey: must not be empty'],
    [{ prompt: 'x', deadline: 'soon' }, 'deadline: must be a time such as 2030-01-31T12:00:00Z'],
  ])('%j: %s', (input, message) => {
    expect(problemsOf(input)).toBe(message);
  });

  it('tells every problem, and the fields there are where one is unknown', () => {
    expect(problemsOf({ prompt: '', steps: 0, stepz: 3 })).toMatch(
      /^prompt: must not be empty; steps: must be at least 1; "stepz": unknown field; the fields are model, prompt, .*webhook$/,
    );
  });

  it('keeps the message short whatever the size of the input', () => {
    const fields = Array.from({ length: 10_000 }, (_, i) => [`${'f'.repeat(90)}${i}`, 1]);
    expect(problemsOf({ prompt: 'x', ...Object.fromEntries(fields) })?.length).toBeLessThan(700);
  });
});
