import { z } from 'zod';
import { addNoiseBySigmas } from './add-noise.ts';
import {
  initialNoiseSigma,
  type KDiffusionLevels,
  kDiffusionLevels,
  scaleBySigma,
  twiceBetween,
} from './k-diffusion.ts';
import { originalSampleAtSigma, predict } from './prediction.ts';
import type { Run, Solver } from './scheduler.ts';
import { noiseSettings, respacingSettings, type Spacing, spacingSettings } from './settings.ts';
import { timestepOf, withFinalSigma } from './sigmas.ts';

const f32 = Math.fround;

export const kdpm2Settings = z.object({
  ...noiseSettings(0.00085, 0.012),
  ...spacingSettings('linspace'),
  ...respacingSettings,
  prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
});
export type Kdpm2Settings = z.infer<typeof kdpm2Settings>;

/**
 * DPM-Solver-2 as k-diffusion has it (algorithm 2 of https://arxiv.org/abs/2206.00364 at the geometric
 * mean of two sigmas). A step is two calls, at its beginning and its middle, but for the last. Equal
 * to diffusers' `KDPM2DiscreteScheduler`.
 */
export function createKdpm2(settings: Kdpm2Settings, run: Run): Solver {
  const levels = kDiffusionLevels(settings, run.steps, { wholeKarrasTimesteps: true });
  const sigmas = withFinalSigma(levels.sigmas, 0);
  const strides = Array.from({ length: run.steps }, (_, step) => {
    const from = sigmas[step]!;
    const to = sigmas[step + 1]!;
    return { from, middle: geometricMean(to, from), to, noise: 0 };
  });
  return createMidpointSolver(settings, run, levels, strides);
}

/** One step; `noise` is the standard deviation of what is added at its end. */
export type MidpointStride = { from: number; middle: number; to: number; noise: number };

export function createMidpointSolver(
  settings: { timestep_spacing: Spacing; prediction_type: 'epsilon' | 'v_prediction' },
  { random }: Run,
  levels: KDiffusionLevels,
  strides: readonly MidpointStride[],
): Solver {
  const sigmas = twiceBetween(levels.sigmas, [0]);
  /** What the model sees has the noise of the step's beginning or, at odd calls, of its middle. */
  const seen = sigmas.map((sigma, call) =>
    call % 2 === 0 ? sigma : strides[(call - 1) / 2]!.middle,
  );
  /** The sample at the beginning of the step; empty between steps. */
  let started = new Float32Array(0);

  return {
    timesteps: Float32Array.from({ length: 2 * strides.length - 1 }, (_, call) =>
      call % 2 === 0 ? levels.timesteps[call / 2]! : timestepOf(seen[call]!, levels.training),
    ),
    initialNoiseSigma: initialNoiseSigma(settings.timestep_spacing, sigmas),
    scaleModelInput: scaleBySigma(seen),
    step(call, modelOutput, sample) {
      const isFirst = call % 2 === 0;
      const { from, middle, to, noise } = strides[Math.floor(call / 2)]!;
      const sigma = isFirst ? from : middle;
      const prediction = originalSampleAtSigma(settings.prediction_type, sigma);
      const stride = f32((isFirst ? middle : to) - from);
      if (isFirst) started = sample.slice();
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const derivative = f32(f32(x - predict(prediction, x, modelOutput[i]!)) / sigma);
        sample[i] = started[i]! + f32(derivative * stride);
      }
      if (isFirst) return;
      started = new Float32Array(0);
      if (noise > 0) {
        const fresh = new Float32Array(sample.length);
        random.randn(fresh);
        for (let i = 0; i < sample.length; i++) sample[i] = sample[i]! + f32(fresh[i]! * noise);
      }
    },
    addNoise: addNoiseBySigmas(sigmas),
    history: () => [started.slice()],
    restore([startedBefore]) {
      if (startedBefore !== undefined) started = startedBefore.slice();
    },
  };
}

/** By way of logarithms in float32, as `torch.lerp` goes. */
export function geometricMean(a: number, b: number): number {
  const logB = f32(Math.log(b));
  return f32(Math.exp(f32(logB - f32(f32(logB - f32(Math.log(a))) / 2))));
}
