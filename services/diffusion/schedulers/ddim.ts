import { ModelError } from '../model-error.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { roundHalfToEven } from './numpy.ts';
import { originalSample, predictOriginal } from './prediction.ts';
import { type Scheduler, unscaled, withoutHistory } from './scheduler.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { leadingTimesteps, linspaceTimesteps, trailingTimesteps } from './timesteps.ts';

const f32 = Math.fround;

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
      const signal = f32(Math.sqrt(alpha));
      const noise = f32(Math.sqrt(f32(1 - alpha)));
      const signalNext = f32(Math.sqrt(alphaNext));
      const noiseNext = f32(Math.sqrt(f32(1 - alphaNext)));
      const prediction = originalSample(config.prediction_type, signal, noise);
      const bound = config.clip_sample ? config.clip_sample_range : Number.POSITIVE_INFINITY;
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const output = modelOutput[i]!;
        const original = predictOriginal(prediction, x, output);
        // From x₀ before it is clipped, as in diffusers.
        const epsilon = predictNoise(config.prediction_type, {
          x,
          original,
          output,
          signal,
          noise,
        });
        const clipped = Math.min(Math.max(original, -bound), bound);
        sample[i] = f32(signalNext * clipped) + f32(noiseNext * epsilon);
      }
    },
  };
}

/** The noise in one element, ε of the paper. */
function predictNoise(
  type: SchedulerConfig['prediction_type'],
  at: { x: number; original: number; output: number; signal: number; noise: number },
): number {
  switch (type) {
    case 'epsilon':
      return at.output;
    case 'v_prediction':
      return f32(f32(at.signal * at.output) + f32(at.noise * at.x));
    case 'sample':
      return f32(f32(at.x - f32(at.signal * at.original)) / at.noise);
  }
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
