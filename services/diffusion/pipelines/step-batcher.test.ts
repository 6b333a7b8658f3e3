import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ModelError } from '../model-error.ts';
import { watchedRun } from '../onnx/runs.ts';
import { fixturePath } from '../test/fixtures.ts';
import { compareWithAlone } from '../test/mixes.ts';
import type { DenoisingJob } from './denoising-job.ts';
import { loadPipeline } from './load-pipeline.ts';
import type { PictureRequest, Pipeline } from './pipeline.ts';
import { createStepBatcher } from './step-batcher.ts';
import type { Unet } from './unet.ts';

const pinhole = fileURLToPath(new URL('../../pinhole/model', import.meta.url));
const request: PictureRequest = {
  prompt: 'a red star',
  negativePrompt: '',
  seed: 3,
  steps: 6,
  guidanceScale: 4,
  width: 32,
  height: 16,
};

let builtIn: Pipeline;
let scalar: Pipeline;
beforeAll(async () => {
  const options = { executionProviders: ['cpu'], intraOpThreads: 1 };
  builtIn = await loadPipeline(pinhole, options);
  // One timestep for all samples of a run.
  scalar = await loadPipeline(fixturePath('tiny/scalar'), options);
});
afterAll(() => Promise.all([builtIn.release(), scalar.release()]));

it('nobody’s picture depends on who shared the runs', async () => {
  const { pictures, equal } = await compareWithAlone(builtIn, { mixes: 40, seed: 1 });
  expect(equal).toBe(pictures);
});

it('nor where a run has one timestep for all', async () => {
  await compareWithAlone(scalar, { mixes: 40, seed: 2 });
});

it('a picture that cannot be made leaves the others theirs', async () => {
  const alone = await builtIn.decode(request);
  const [bad, good] = await Promise.allSettled([
    builtIn.decode({ ...request, guidanceScale: Number.MAX_VALUE }),
    builtIn.decode(request),
  ]);
  expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(ModelError) });
  expect(good).toMatchObject({ status: 'fulfilled', value: alone });
});

/** The samples of each run of a network that gives back what it takes, and its timesteps. */
function countingUnet(options: Partial<Pick<Unet, 'samples' | 'hasTimestepPerSample'>>) {
  const runs: (readonly number[])[] = [];
  const unet: Unet = {
    type: 'float32',
    takes: [],
    gives: undefined,
    samples: undefined,
    hasTimestepPerSample: true,
    ...options,
    open: ({ samples }) => {
      const values = new Float32Array(samples);
      return {
        sample: values,
        output: values,
        run: async (timesteps) => {
          runs.push(timesteps);
          await new Promise((resolve) => setImmediate(resolve));
          if (values.includes(Number.NaN)) throw new Error('the engine failed');
        },
      };
    },
  };
  return { unet, runs };
}

const job = (timesteps: number[], { samples = 1, width = 1, value = 0 } = {}): DenoisingJob => {
  const left = [...timesteps];
  const dims = [1, 1, width] as const;
  return {
    shape: { samples, input: dims, output: dims, conditioning: {} },
    latents: new Float32Array(1),
    get timestep() {
      return left[0];
    },
    writeSample: (out) => out.fill(value),
    accept: () => void left.shift(),
    state: () => ({}) as ReturnType<DenoisingJob['state']>,
  };
};

it('jobs of one size share each run, each sample with its own timestep', async () => {
  const { unet, runs } = countingUnet({});
  const batcher = createStepBatcher(unet);
  await Promise.all([
    batcher.denoise(job([900, 500, 100], { samples: 2 }), {}),
    batcher.denoise(job([700, 300]), {}),
  ]);
  expect(runs).toEqual([
    [900, 900, 700],
    [500, 500, 300],
    [100, 100],
  ]);
});

it('one that comes during a run joins the next', async () => {
  const { unet, runs } = countingUnet({});
  const batcher = createStepBatcher(unet);
  let joined: Promise<void> | undefined;
  const onStep = () => {
    joined ??= batcher.denoise(job([700, 300]), {});
  };
  await batcher.denoise(job([900, 500, 100]), { onStep });
  await joined;
  expect(runs).toEqual([[900], [700, 500], [300, 100]]);
});

it('a run waits for runs of other networks, after which one may join', async () => {
  const { unet, runs } = countingUnet({});
  const batcher = createStepBatcher(unet);
  const encode = watchedRun({
    run: () => new Promise((resolve) => setTimeout(() => resolve({}), 10)),
  });
  const comes = async () => {
    await encode({});
    await encode({});
    await batcher.denoise(job([700]), {});
  };
  let joined: Promise<void> | undefined;
  const onStep = () => {
    joined ??= comes();
  };
  await batcher.denoise(job([900, 500]), { onStep });
  await joined;
  expect(runs).toEqual([[900], [500, 700]]);
});

it('a run of another network that fails holds nobody up', async () => {
  const { unet, runs } = countingUnet({});
  const batcher = createStepBatcher(unet);
  const broken = watchedRun({ run: () => Promise.reject(new Error('it cannot be encoded')) });
  const [failed] = await Promise.allSettled([broken({}), batcher.denoise(job([900]), {})]);
  expect(failed).toMatchObject({ reason: { message: 'it cannot be encoded' } });
  expect(runs).toEqual([[900]]);
});

it('where a run has one timestep for all, those of the same timestep share it', async () => {
  const { unet, runs } = countingUnet({ hasTimestepPerSample: false });
  const batcher = createStepBatcher(unet);
  const all = [job([900]), job([900, 500]), job([800, 500]), job([900, 500])];
  await Promise.all(all.map((each) => batcher.denoise(each, {})));
  expect(runs).toEqual([[900, 900, 900], [800], [500, 500, 500]]);
});

it('a network of a fixed number of samples runs each job alone, in turn', async () => {
  const { unet, runs } = countingUnet({ samples: 1 });
  const batcher = createStepBatcher(unet);
  await Promise.all([batcher.denoise(job([900, 500]), {}), batcher.denoise(job([700, 300]), {})]);
  expect(runs).toEqual([[900], [700], [500], [300]]);
});

it('a run that fails rejects all that were part of it, and the next run is whole', async () => {
  const { unet, runs } = countingUnet({});
  const batcher = createStepBatcher(unet);
  const first = batcher.denoise(job([900, 800]), {});
  const broken = batcher.denoise(job([700], { value: Number.NaN }), {});
  await expect(Promise.allSettled([first, broken])).resolves.toMatchObject([
    { reason: { message: 'the engine failed' } },
    { reason: { message: 'the engine failed' } },
  ]);
  await batcher.denoise(job([600]), {});
  expect(runs.at(-1)).toEqual([600]);
});
