import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../model-error.ts';
import { arrayParity, fixturePath } from '../test/fixtures.ts';
import { loadPipeline } from './load-pipeline.ts';
import type { PictureRequest, Pipeline } from './pipeline.ts';
import type { RunState } from './run-state.ts';

const request: PictureRequest = {
  prompt: 'a red star',
  negativePrompt: 'blue',
  seed: 3,
  steps: 6,
  guidanceScale: 4,
  width: 32,
  height: 16,
};

const pipelines = new Map<string, Pipeline>();
const pipeline = (name: string): Pipeline => pipelines.get(name)!;

beforeAll(async () => {
  for (const name of ['batch', 'scalar', 'half', 'nan', 'fixed']) {
    const folder = fixturePath(`tiny/${name}`);
    pipelines.set(
      name,
      await loadPipeline(folder, { executionProviders: ['cpu'], intraOpThreads: 1 }),
    );
  }
});
afterAll(() => Promise.all([...pipelines.values()].map((loaded) => loaded.release())));

describe('generate', () => {
  it('makes a PNG of the size asked for', async () => {
    const picture = await pipeline('batch').generate(request);
    const { width, height, channels, depth } = decode(picture.png);
    expect(picture).toMatchObject({ width: 32, height: 16 });
    expect({ width, height, channels, depth }).toEqual({
      width: 32,
      height: 16,
      channels: 3,
      depth: 8,
    });
  });

  it('tells which prompts it took only the beginning of', async () => {
    const long = 'red star '.repeat(200);
    const { truncated } = await pipeline('batch').generate({ ...request, prompt: long, steps: 1 });
    expect(truncated).toEqual([
      { field: 'prompt', tokens: 400, limit: expect.any(Number), dropped: expect.any(String) },
    ]);
    expect(truncated[0]?.dropped.match(/\w+/g)).toHaveLength(400 - (truncated[0]?.limit ?? 0));
    const negative = { ...request, negativePrompt: long, steps: 1 };
    const guided = await pipeline('batch').generate(negative);
    expect(guided.truncated).toMatchObject([{ field: 'negativePrompt', tokens: 400 }]);
    // Without guidance there is no use of it.
    const unguided = await pipeline('batch').generate({ ...negative, guidanceScale: 1 });
    expect(unguided.truncated).toEqual([]);
  });

  it('takes all of a long prompt in chunks, up to the eighth', async () => {
    const long = (words: number) => 'red star '.repeat(words / 2).trim();
    const chunked = { ...request, longPrompt: 'chunks', steps: 1 } as const;
    const { truncated } = await pipeline('batch').generate({ ...chunked, prompt: long(600) });
    expect(truncated).toEqual([]);
    const beyond = await pipeline('batch').generate({ ...chunked, prompt: `${long(600)} blue` });
    expect(beyond.truncated).toEqual([
      { field: 'prompt', tokens: 601, limit: 600, dropped: 'blue' },
    ]);
    // The last token of the last chunk has an effect.
    const whole = await pipeline('batch').decode({ ...chunked, prompt: long(600) });
    const other = { ...chunked, prompt: `${long(598)} red blue` };
    expect(await pipeline('batch').decode(other)).not.toEqual(whole);
  });

  it('makes the same of a prompt that one chunk holds', async () => {
    const whole = await pipeline('batch').decode(request);
    expect(await pipeline('batch').decode({ ...request, longPrompt: 'chunks' })).toEqual(whole);
  });

  it('refuses more chunks than the UNet was exported for', async () => {
    const chunked = { ...request, longPrompt: 'chunks' } as const;
    await expect(pipeline('fixed').decode({ ...chunked, prompt: 'a '.repeat(76) })).rejects.toThrow(
      'it was exported for 77 tokens a prompt, and 2 chunks of them are needed. Shorten the prompt',
    );
    await expect(
      pipeline('fixed').decode({ ...chunked, prompt: 'a '.repeat(75) }),
    ).resolves.toBeDefined();
  });

  it('tells with each call what the model predicts where previews are asked for', async () => {
    const states: RunState[] = [];
    const onStep = (state: RunState) => states.push(state);
    const seen = await pipeline('batch').decode(request, { previews: true, onStep });
    expect(states.map(({ predicted }) => predicted?.length)).toEqual(
      states.map(({ latents }) => latents.length),
    );
    // After the last call there is no noise left.
    const { predicted, latents } = states.at(-1)!;
    expect(arrayParity(predicted!, latents)).toBeLessThan(1e-5);
    expect(arrayParity(states[0]!.predicted!, states[0]!.latents)).toBeGreaterThan(0.01);
    states.length = 0;
    expect(await pipeline('batch').decode(request, { onStep })).toEqual(seen);
    expect(states.some(({ predicted }) => predicted !== undefined)).toBe(false);
  });

  it('makes the same bytes again, alone or beside another', async () => {
    const { png } = await pipeline('batch').generate(request);
    const both = await Promise.all([
      pipeline('batch').generate(request),
      pipeline('batch').generate({ ...request, seed: 4 }),
    ]);
    expect(both[0].png).toEqual(png);
    expect(both[1].png).not.toEqual(png);
  });

  it.each([
    ['prompt', { prompt: 'a star, larger' }],
    ['negative prompt', { negativePrompt: 'a large star' }],
    ['guidance scale', { guidanceScale: 2 }],
    ['guidance left off', { guidanceScale: 1 }],
    ['steps', { steps: 5 }],
    ['scheduler', { scheduler: 'euler-ancestral' }],
  ] satisfies [string, Partial<PictureRequest>][])('follows the %s', async (_what, change) => {
    const picture = await pipeline('batch').decode(request);
    expect(await pipeline('batch').decode({ ...request, ...change })).not.toEqual(picture);
  });

  it('follows karras noise levels', async () => {
    const plain = { ...request, scheduler: 'euler' };
    const picture = await pipeline('batch').decode(plain);
    expect(await pipeline('batch').decode({ ...plain, karras: false })).toEqual(picture);
    expect(await pipeline('batch').decode({ ...plain, karras: true })).not.toEqual(picture);
  });

  it('ignores the negative prompt without guidance', async () => {
    const unguided = { ...request, guidanceScale: 1 };
    const picture = await pipeline('batch').decode(unguided);
    expect(await pipeline('batch').decode({ ...unguided, negativePrompt: '' })).toEqual(picture);
  });
});

describe('networks of other types and ranks give the same picture', () => {
  it.each([
    ['scalar', 'int64 scalar timestep, int32 ids, weights beside the graph', 1e-6],
    ['half', 'float16', 2e-3],
  ])('%s: %s', async (name, _what, apart) => {
    const reference = await pipeline('batch').decode(request);
    expect(arrayParity(await pipeline(name).decode(request), reference)).toBeLessThanOrEqual(apart);
  });
});

describe('a run', () => {
  it('reports every step and lets the event loop turn between them', async () => {
    const steps: number[] = [];
    let turns = 0;
    let turning: NodeJS.Immediate | undefined;
    const turn = () => {
      turns += 1;
      turning = setImmediate(turn);
    };
    turn();
    await pipeline('batch').generate(request, { onStep: ({ step }) => steps.push(step) });
    clearImmediate(turning);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
    expect(turns).toBeGreaterThan(steps.length);
  });

  it.each(['euler', 'euler-ancestral', 'ddim', 'dpmpp-2m', 'heun', 'pndm', 'dpmpp-2m-sde'])(
    'goes on from any step to the same bytes with %s',
    async (scheduler) => {
      const states: RunState[] = [];
      const run = { ...request, scheduler };
      const { png } = await pipeline('batch').generate(run, {
        onStep: (state) => states.push(structuredClone(state)),
      });
      for (const resume of states) {
        const steps: number[] = [];
        const resumed = await pipeline('batch').generate(run, {
          resume,
          onStep: ({ step }) => steps.push(step),
        });
        expect(resumed.png).toEqual(png);
        expect(steps).toHaveLength(resume.steps - resume.step);
      }
    },
  );

  it('stops between two steps when aborted, with the reason it was given', async () => {
    const abort = new AbortController();
    const steps: number[] = [];
    const run = pipeline('batch').generate(request, {
      signal: abort.signal,
      onStep: ({ step }) => {
        steps.push(step);
        if (step === 2) abort.abort(new Error('enough'));
      },
    });
    await expect(run).rejects.toThrow('enough');
    expect(steps).toEqual([1, 2]);
  });

  it('refuses a state that was taken from another request', async () => {
    const states: RunState[] = [];
    await pipeline('batch').generate(request, { onStep: (state) => states.push(state) });
    const [resume] = states;
    const run = pipeline('batch').generate({ ...request, steps: 7 }, { resume: resume! });
    await expect(run).rejects.toThrow('it was taken at step 1 of 6');
  });
});

describe('what cannot be made is refused with the reason', () => {
  it.each([
    [{ width: 33 }, 'Ask for a width of 32 or 34'],
    [{ height: 0 }, 'height is 0'],
    [{ height: Number.NaN }, 'height is NaN, and'],
    [{ steps: 0 }, 'steps is 0. Ask for a whole number of steps from 1 to 1000'],
    [{ steps: 1.5 }, 'steps is 1.5'],
    [{ steps: 1001 }, 'steps is 1001'],
    [{ scheduler: 'eulr' }, 'there is no scheduler eulr. Choose one of euler,'],
    [{ scheduler: 'toString' }, 'there is no scheduler toString'],
    [{ scheduler: 'ddim', karras: true }, 'ddim has no Karras noise levels'],
  ] satisfies [Partial<PictureRequest>, string][])('%o', async (change, message) => {
    const run = pipeline('batch').generate({ ...request, ...change });
    await expect(run).rejects.toThrow(ModelError);
    await expect(run).rejects.toThrow(message);
  });

  it('a model that gives values that are not numbers', async () => {
    const run = pipeline('nan').generate(request);
    await expect(run).rejects.toThrow('NaN or infinity after step 1 of 6');
  });

  it('an execution provider that this machine lacks', async () => {
    const loading = loadPipeline(fixturePath('tiny/batch'), { executionProviders: ['no-such'] });
    await expect(loading).rejects.toThrow('could not be loaded on no-such');
  });
});
