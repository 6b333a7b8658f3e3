import { z } from 'zod';
import { addNoiseBySigmas } from './add-noise.ts';
import { initialNoiseSigma, kDiffusionLevels, scaleBySigma, twiceBetween } from './k-diffusion.ts';
import { boundOriginals } from './original-bounds.ts';
import { originalSampleAtSigma, predict } from './prediction.ts';
import type { Run, Solver } from './scheduler.ts';
import {
  clipSettings,
  noiseSettings,
  predictionSetting,
  respacingSettings,
  spacingSettings,
} from './settings.ts';

const f32 = Math.fround;

export const heunSettings = z.object({
  ...noiseSettings(0.00085, 0.012),
  beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2', 'exp']).default('linear'),
  ...spacingSettings('linspace'),
  ...predictionSetting,
  ...respacingSettings,
  ...clipSettings(false),
});

/**
 * Heun's method on the probability-flow ODE: algorithm 2 of https://arxiv.org/abs/2206.00364 without
 * churn. A step is two calls, one at each of its ends, but for the last. Equal to diffusers'
 * `HeunDiscreteScheduler`.
 */
export function createHeun(settings: z.infer<typeof heunSettings>, run: Run): Solver {
  const levels = kDiffusionLevels(settings, run.steps);
  const timesteps = twiceBetween(levels.timesteps, []);
  const sigmas = twiceBetween(levels.sigmas, [0]);
  /** The sample and the derivative at the beginning of the step; empty between steps. */
  let started = new Float32Array(0);
  let slope = new Float32Array(0);

  return {
    timesteps,
    initialNoiseSigma: initialNoiseSigma(settings.timestep_spacing, sigmas),
    scaleModelInput: scaleBySigma(sigmas),
    step(call, modelOutput, sample) {
      const sigma = sigmas[call]!;
      const prediction = originalSampleAtSigma(settings.prediction_type, sigma);
      const derivative = sample.map((x, i) => predict(prediction, x, modelOutput[i]!));
      boundOriginals(derivative, settings);
      for (let i = 0; i < sample.length; i++) {
        derivative[i] = f32(sample[i]! - derivative[i]!) / sigma;
      }
      if (call % 2 === 0) {
        const stride = f32(sigmas[call + 1]! - sigma);
        started = sample.slice();
        slope = derivative;
        for (let i = 0; i < sample.length; i++) sample[i] = sample[i]! + f32(slope[i]! * stride);
        return;
      }
      const stride = f32(sigma - sigmas[call - 1]!);
      for (let i = 0; i < sample.length; i++) {
        const mean = f32(slope[i]! + derivative[i]!) / 2;
        sample[i] = started[i]! + f32(f32(mean) * stride);
      }
      started = new Float32Array(0);
      slope = new Float32Array(0);
    },
    addNoise: addNoiseBySigmas(sigmas),
    history: () => [started.slice(), slope.slice()],
    restore([startedBefore, slopeBefore]) {
      if (startedBefore === undefined || slopeBefore === undefined) return;
      started = startedBefore.slice();
      slope = slopeBefore.slice();
    },
  };
}
