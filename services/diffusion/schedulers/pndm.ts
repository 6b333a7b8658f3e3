import { z } from 'zod';
import { ModelError } from '../model-error.ts';
import { addNoiseByAlphas, mixtureOf } from './add-noise.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { noiseInSample, predict } from './prediction.ts';
import { createRecentOutputs } from './recent-outputs.ts';
import { type Run, type Solver, unscaled } from './scheduler.ts';
import { noiseSettings, spacingSettings } from './settings.ts';
import { wholeTimesteps } from './timesteps.ts';

const f32 = Math.fround;

export const pndmSettings = z.object({
  ...noiseSettings(),
  ...spacingSettings('leading'),
  prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
  skip_prk_steps: z.boolean().default(false),
  set_alpha_to_one: z.boolean().default(false),
});

/** How many steps begin with Runge–Kutta: the first three, of four calls each. */
const RUNGE_KUTTA_STEPS = 3;
const RUNGE_KUTTA_CALLS = 4 * RUNGE_KUTTA_STEPS;

/** Weights of the last outputs by how many there are, newest first: Adams–Bashforth. */
const multistepWeights = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/**
 * Pseudo numerical methods for diffusion models, https://arxiv.org/abs/2202.09778: a linear multistep
 * solver that starts with Runge–Kutta steps or, with `skip_prk_steps` as in Stable Diffusion 1, by
 * taking its first step twice. Equal to diffusers' `PNDMScheduler`, which counts the calls of a run
 * that begins late from its beginning.
 */
export function createPndm(settings: z.infer<typeof pndmSettings>, run: Run): Solver {
  const train = settings.num_train_timesteps;
  const alphas = cumulativeAlphas(settings, { keepFinite: false });
  const finalAlpha = settings.set_alpha_to_one ? 1 : alphas[0]!;
  const ratio = Math.floor(train / run.steps);
  const half = Math.floor(ratio / 2);
  const steps = wholeTimesteps(settings, run.steps);
  const skipsRungeKutta = settings.skip_prk_steps;
  const timesteps = skipsRungeKutta ? withSecondTwice(steps) : withRungeKutta(steps, half);
  const outputs = createRecentOutputs(4);
  /** The sample that a step of several calls began with, and the sum of its outputs. */
  let started = new Float32Array(0);
  let sum = new Float32Array(0);

  /** Formula 9 of the paper: `x` at one timestep taken to another by `output`. */
  const transfer = (
    [from, to]: [number, number],
    x: Float32Array,
    output: Float32Array,
    out: Float32Array,
  ) => {
    const alpha = alphas[from]!;
    const alphaNext = to >= 0 ? alphas[to]! : finalAlpha;
    const at = mixtureOf(alpha);
    const toNoise = noiseInSample(settings.prediction_type, at.alpha, at.sigma);
    const keep = f32(Math.sqrt(f32(alphaNext / alpha)));
    const change = f32(alphaNext - alpha);
    const divisor = f32(
      f32(alpha * f32(Math.sqrt(f32(1 - alphaNext)))) +
        f32(Math.sqrt(f32(f32(alpha * f32(1 - alpha)) * alphaNext))),
    );
    for (let i = 0; i < out.length; i++) {
      const epsilon = predict(toNoise, x[i]!, output[i]!);
      out[i] = f32(keep * x[i]!) - f32(f32(change * epsilon) / divisor);
    }
  };

  const rungeKutta = (done: number, t: number, modelOutput: Float32Array, sample: Float32Array) => {
    const stage = done % 4;
    if (stage === 0) {
      started = sample.slice();
      sum = new Float32Array(sample.length);
      outputs.push(sample.length).set(modelOutput);
    }
    const weight = f32(stage === 0 || stage === 3 ? 1 / 6 : 1 / 3);
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + f32(weight * modelOutput[i]!);
    const by = stage === 3 ? sum : modelOutput;
    const next = t - (done % 2 === 0 ? half : 0);
    transfer([timesteps[done - stage]!, next], started, by, sample);
    if (stage === 3) {
      started = new Float32Array(0);
      sum = new Float32Array(0);
    }
  };

  const multistep = (done: number, t: number, modelOutput: Float32Array, sample: Float32Array) => {
    const by = new Float32Array(sample.length);
    if (skipsRungeKutta && done === 1) {
      // The first step again, by the mean of the outputs at both its ends.
      const first = outputs.at(0);
      for (let i = 0; i < by.length; i++) by[i] = f32(modelOutput[i]! + first[i]!) / 2;
      transfer([t + ratio, t], started, by, sample);
      started = new Float32Array(0);
      return;
    }
    if (skipsRungeKutta && done === 0) started = sample.slice();
    outputs.push(sample.length).set(modelOutput);
    const weights = multistepWeights[outputs.count - 1]!;
    for (let i = 0; i < by.length; i++) {
      by[i] = weights.reduce((total, weight, age) => total + weight * outputs.at(age)[i]!, 0);
    }
    transfer([t, t - ratio], sample, by, sample);
  };

  return {
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const done = call - run.begin;
      const isRungeKutta = !skipsRungeKutta && done < RUNGE_KUTTA_CALLS;
      (isRungeKutta ? rungeKutta : multistep)(done, timesteps[call]!, modelOutput, sample);
    },
    addNoise: addNoiseByAlphas(alphas, timesteps),
    history: () => [started.slice(), sum.slice(), ...outputs.copies()],
    restore([startedBefore, sumBefore, ...outputsBefore]) {
      if (startedBefore === undefined || sumBefore === undefined) return;
      started = startedBefore.slice();
      sum = sumBefore.slice();
      outputs.restore(outputsBefore);
    },
  };
}

/** T₀, T₁, T₁, T₂, …: the first step is taken to T₁ and from there once more. */
const withSecondTwice = (steps: Float32Array): Float32Array =>
  Float32Array.of(steps[0]!, ...(steps.length > 1 ? [steps[1]!] : []), ...steps.slice(1));

/** Three steps of four calls: at the beginning, twice at the middle, at the end. */
function withRungeKutta(steps: Float32Array, half: number): Float32Array {
  if (steps.length <= RUNGE_KUTTA_STEPS) {
    throw new ModelError(
      'The scheduler cannot be used',
      `skip_prk_steps is false, and pndm then needs more than ${RUNGE_KUTTA_STEPS} steps, not ${steps.length}`,
      `Ask for ${RUNGE_KUTTA_STEPS + 1} steps or more, or another scheduler`,
    );
  }
  const first = [0, 1, 2].flatMap((at) => {
    const from = steps[at]!;
    const to = steps[at + 1]!;
    return [from, to + half, to + half, to];
  });
  return Float32Array.of(...first, ...steps.slice(RUNGE_KUTTA_STEPS));
}
