import { cumulativeAlphas } from './noise-schedule.ts';
import { originalSampleAtSigma, predictOriginal } from './prediction.ts';
import { type Scheduler, withoutHistory } from './scheduler.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import {
  eulerTimesteps,
  karrasSigmas,
  sigmasAt,
  timestepOf,
  trainingSigmas,
  withFinalSigma,
} from './sigmas.ts';

const f32 = Math.fround;

/**
 * Euler's method on the probability-flow ODE: algorithm 2 of https://arxiv.org/abs/2206.00364
 * without churn. Equal to diffusers' `EulerDiscreteScheduler`.
 */
export function createEuler(config: SchedulerConfig, steps: number): Scheduler {
  const training = trainingSigmas(cumulativeAlphas(config, { keepFinite: true }));
  let timesteps = eulerTimesteps(config, steps);
  let spaced = sigmasAt(timesteps, training);
  if (config.use_karras_sigmas) {
    const highest = config.sigma_max ?? spaced[0]!;
    const lowest = config.sigma_min ?? spaced[steps - 1]!;
    spaced = karrasSigmas(highest, lowest, steps);
    timesteps = Float32Array.from(spaced, (sigma) => timestepOf(sigma, training));
  }
  const sigmas = withFinalSigma(spaced, config, training[0]!);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: initialNoiseSigma(config, sigmas),
    scaleModelInput: scaleBySigma(sigmas),
    step(step, modelOutput, sample) {
      const sigma = sigmas[step]!;
      const prediction = originalSampleAtSigma(config.prediction_type, sigma);
      const stride = f32(sigmas[step + 1]! - sigma);
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const derivative = f32(f32(x - predictOriginal(prediction, x, modelOutput[i]!)) / sigma);
        sample[i] = x + f32(derivative * stride);
      }
    },
  };
}

/** Noise starts at the highest sigma, or at √(σ² + 1) where the first timestep lies below the top. */
export function initialNoiseSigma(config: SchedulerConfig, sigmas: Float32Array): number {
  const highest = Math.max(...sigmas);
  return config.timestep_spacing === 'leading'
    ? f32(Math.sqrt(f32(f32(highest * highest) + 1)))
    : highest;
}

/** The model was trained on samples of unit variance: x ÷ √(σ² + 1). */
export function scaleBySigma(sigmas: Float32Array): Scheduler['scaleModelInput'] {
  return (step, sample, out) => {
    const sigma = sigmas[step]!;
    const scale = f32(Math.sqrt(f32(f32(sigma * sigma) + 1)));
    for (let i = 0; i < sample.length; i++) out[i] = sample[i]! / scale;
  };
}
