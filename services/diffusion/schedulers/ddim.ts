import { ModelError } from '../model-error.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { roundHalfToEven } from './numpy.ts';
import { originalSample } from './prediction.ts';
import { type Scheduler, unscaled, withoutHistory } from './scheduler.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { leadingTimesteps, linspaceTimesteps, trailingTimesteps } from './timesteps.ts';

/**
 * Denoising diffusion implicit models, equations 12 and 16 of https://arxiv.org/abs/2010.02502
 * with η = 0. Equal to diffusers' `DDIMScheduler`.
 */
export function createDdim(config: SchedulerConfig, steps: number): Scheduler {
  const train = config.num_train_timesteps;
  const alphas = cumulativeAlphas(config, { keepFinite: false });
  const finalAlpha = config.set_alpha_to_one ? 1 : alphas[0]!;
  const timesteps = Float32Array.from(spacedTimesteps(config, steps));
  if (timesteps[0]! >= train) {
    throw new ModelError(
      'The scheduler cannot take so many steps',
      `with steps_offset ${config.steps_offset}, ${steps} steps begin at timestep ${timesteps[0]}, beyond the last that was trained (${train - 1})`,
      'Ask for fewer steps',
    );
  }
  const ratio = Math.floor(train / steps);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(step, modelOutput, sample) {
      const t = timesteps[step]!;
      const previous = t - ratio;
      const alpha = alphas[t]!;
      const alphaNext = previous >= 0 ? alphas[previous]! : finalAlpha;
      const signal = Math.sqrt(alpha);
      const noise = Math.sqrt(1 - alpha);
      const signalNext = Math.sqrt(alphaNext);
      const noiseNext = Math.sqrt(1 - alphaNext);
      const isEpsilon = config.prediction_type === 'epsilon';
      const { fromSample, fromOutput } = originalSample(config.prediction_type, signal, noise);
      const bound = config.clip_sample ? config.clip_sample_range : Number.POSITIVE_INFINITY;
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const output = modelOutput[i]!;
        const original = fromSample * x + fromOutput * output;
        // From x₀ before it is clipped, as in diffusers.
        const epsilon = isEpsilon ? output : epsilonOf(x, original, output);
        sample[i] = signalNext * Math.min(Math.max(original, -bound), bound) + noiseNext * epsilon;
      }

      function epsilonOf(x: number, original: number, output: number): number {
        // For v this form stays finite at ᾱ = 1, where the other divides by zero.
        return config.prediction_type === 'v_prediction'
          ? signal * output + noise * x
          : (x - signal * original) / noise;
      }
    },
  };
}

function spacedTimesteps(config: SchedulerConfig, steps: number): Float64Array {
  const train = config.num_train_timesteps;
  switch (config.timestep_spacing ?? 'leading') {
    case 'linspace':
      return linspaceTimesteps(train - 1, steps).map(roundHalfToEven);
    case 'leading':
      return leadingTimesteps(train, steps, config.steps_offset);
    case 'trailing':
      return trailingTimesteps(train, steps);
  }
}
