import { z } from 'zod';
import { addNoiseBySigmas } from './add-noise.ts';
import { addTerms, type Term } from './dpm-solver.ts';
import { initialNoiseSigma, kDiffusionLevels, scaleBySigma } from './k-diffusion.ts';
import { originalSampleAtSigma, predict } from './prediction.ts';
import { createRecentOutputs } from './recent-outputs.ts';
import type { Run, Solver } from './scheduler.ts';
import {
  noiseSettings,
  predictionSetting,
  respacingSettings,
  spacingSettings,
} from './settings.ts';
import { withFinalSigma } from './sigmas.ts';

const f32 = Math.fround;

export const lmsSettings = z
  .object({
    ...noiseSettings(),
    ...spacingSettings('linspace'),
    ...predictionSetting,
    ...respacingSettings,
  })
  .transform((settings) =>
    // For Karras's noise levels, and for these alone, diffusers' class has no bounds.
    settings.use_karras_sigmas
      ? { ...settings, sigma_min: undefined, sigma_max: undefined }
      : settings,
  );

/** Derivatives that are used at most. */
const ORDER = 4;

/**
 * Linear multistep method on the probability-flow ODE, after k-diffusion. Equal to diffusers'
 * `LMSDiscreteScheduler`: a run that begins late has the weights of a full history at once, and uses
 * of them those for which it has derivatives.
 */
export function createLms(settings: z.infer<typeof lmsSettings>, run: Run): Solver {
  const { timesteps, sigmas: spaced } = kDiffusionLevels(settings, run.steps);
  const sigmas = withFinalSigma(spaced, 0);
  const derivatives = createRecentOutputs(ORDER);

  return {
    timesteps,
    initialNoiseSigma: initialNoiseSigma(settings.timestep_spacing, sigmas),
    scaleModelInput: scaleBySigma(sigmas),
    step(call, modelOutput, sample) {
      const sigma = sigmas[call]!;
      const prediction = originalSampleAtSigma(settings.prediction_type, sigma);
      const derivative = derivatives.push(sample.length);
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        derivative[i] = f32(x - predict(prediction, x, modelOutput[i]!)) / sigma;
      }
      const order = Math.min(call + 1, ORDER);
      const known = Math.min(order, derivatives.count);
      const terms = Array.from(
        { length: known },
        (_, age): Term => [f32(weightOf(sigmas, call, order, age)), derivatives.at(age)],
      );
      const change = new Float32Array(sample.length);
      addTerms(terms, change);
      for (let i = 0; i < sample.length; i++) sample[i] = sample[i]! + change[i]!;
    },
    addNoise: addNoiseBySigmas(sigmas),
    history: derivatives.copies,
    restore: derivatives.restore,
  };
}

/**
 * The integral over the step of the polynomial through `order` sigmas that is 1 at the one of `age`
 * calls ago; by Gauss's rule of two points, which is exact for a cubic.
 */
function weightOf(sigmas: Float32Array, call: number, order: number, age: number): number {
  const from = sigmas[call]!;
  const half = (sigmas[call + 1]! - from) / 2;
  const at = (tau: number) => {
    let product = 1;
    for (let k = 0; k < order; k++) {
      if (k === age) continue;
      product *= (tau - sigmas[call - k]!) / (sigmas[call - age]! - sigmas[call - k]!);
    }
    return product;
  };
  const offset = half / Math.sqrt(3);
  return half * (at(from + half - offset) + at(from + half + offset));
}
