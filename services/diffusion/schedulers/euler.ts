import { z } from 'zod';
import { addNoiseBySigmas } from './add-noise.ts';
import { initialNoiseSigma, kDiffusionLevels, scaleBySigma } from './k-diffusion.ts';
import { linspace } from './noise-schedule.ts';
import { originalSampleAtSigma, predict } from './prediction.ts';
import { type Run, type Solver, withoutHistory } from './scheduler.ts';
import {
  finalSigmaSetting,
  noiseSettings,
  predictionSetting,
  respacingSettings,
  spacingSettings,
  zeroSnrSetting,
} from './settings.ts';
import { respacedSigmas, timestepOf, withFinalSigma } from './sigmas.ts';

const f32 = Math.fround;

export const eulerSettings = z.object({
  ...noiseSettings(),
  ...zeroSnrSetting,
  ...spacingSettings('linspace'),
  ...predictionSetting,
  ...respacingSettings,
  ...finalSigmaSetting,
  interpolation_type: z.enum(['linear', 'log_linear']).default('linear'),
  timestep_type: z.enum(['discrete', 'continuous']).default('discrete'),
});
type Settings = z.infer<typeof eulerSettings>;

/**
 * Euler's method on the probability-flow ODE: algorithm 2 of https://arxiv.org/abs/2206.00364
 * without churn. Equal to diffusers' `EulerDiscreteScheduler`.
 */
export function createEuler(settings: Settings, run: Run): Solver {
  const { timesteps, sigmas } = levels(settings, run.steps);
  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: initialNoiseSigma(settings.timestep_spacing, sigmas),
    scaleModelInput: scaleBySigma(sigmas),
    step(call, modelOutput, sample) {
      const sigma = sigmas[call]!;
      const prediction = originalSampleAtSigma(settings.prediction_type, sigma);
      const stride = f32(sigmas[call + 1]! - sigma);
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const derivative = f32(f32(x - predict(prediction, x, modelOutput[i]!)) / sigma);
        sample[i] = x + f32(derivative * stride);
      }
    },
    addNoise: addNoiseBySigmas(sigmas),
  };
}

function levels(settings: Settings, steps: number) {
  const { training, ...spaced } = kDiffusionLevels(settings, steps);
  let { timesteps } = spaced;
  let between: Float32Array | Float64Array = spaced.sigmas;
  if (settings.interpolation_type === 'log_linear') {
    const highest = f32(Math.log(training[training.length - 1]!));
    // One more than there are steps: the run ends on the lowest trained sigma, not on the final one.
    between = linspace(highest, f32(Math.log(training[0]!)), steps + 1).map(Math.exp);
    const bounds = { highest: between[0]!, lowest: between[steps]! };
    const respaced = respacedSigmas(settings, bounds, steps);
    if (respaced !== undefined) {
      between = respaced;
      timesteps = Float32Array.from(respaced, (sigma) => timestepOf(sigma, training));
    }
  }
  const sigmas = withFinalSigma(
    between,
    settings.final_sigmas_type === 'sigma_min' ? training[0]! : 0,
  );
  // Models of https://arxiv.org/abs/2206.00364 are told ¼ log σ in place of a timestep.
  if (settings.timestep_type === 'continuous' && settings.prediction_type === 'v_prediction') {
    timesteps = sigmas.slice(0, -1).map((sigma) => 0.25 * f32(Math.log(sigma)));
  }
  return { timesteps, sigmas };
}
