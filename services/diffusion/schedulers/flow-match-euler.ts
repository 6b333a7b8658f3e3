import { z } from 'zod';
import { ModelError } from '../model-error.ts';
import { addNoiseBy } from './add-noise.ts';
import { shifted } from './log-snr.ts';
import { linspace } from './numpy.ts';
import { type Run, type Solver, unscaled, withoutHistory } from './scheduler.ts';
import { respacingSettings } from './settings.ts';
import { respacedSigmas, withFinalSigma } from './sigmas.ts';

const f32 = Math.fround;

export const flowMatchEulerSettings = z.object({
  num_train_timesteps: z.int().default(1000),
  shift: z.number().default(1),
  use_dynamic_shifting: z.boolean().default(false),
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  shift_terminal: z.number().optional(),
  invert_sigmas: z.boolean().default(false),
  stochastic_sampling: z.boolean().default(false),
  ...respacingSettings,
});
type Settings = z.infer<typeof flowMatchEulerSettings>;

/**
 * Euler's method on rectified flows, x_t = (1 − σ) · x₀ + σ · noise, https://arxiv.org/abs/2403.03206.
 * Equal to diffusers' `FlowMatchEulerDiscreteScheduler`.
 */
export function createFlowMatchEuler(settings: Settings, run: Run): Solver {
  const { timesteps, sigmas } = levels(settings, run);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const sigma = sigmas[call]!;
      const next = sigmas[call + 1]!;
      if (!settings.stochastic_sampling) {
        const stride = f32(next - sigma);
        for (let i = 0; i < sample.length; i++) {
          sample[i] = sample[i]! + f32(stride * modelOutput[i]!);
        }
        return;
      }
      const noise = new Float32Array(sample.length);
      run.random.randn(noise);
      const keep = f32(1 - next);
      for (let i = 0; i < sample.length; i++) {
        const original = f32(sample[i]! - f32(sigma * modelOutput[i]!));
        sample[i] = f32(keep * original) + f32(next * noise[i]!);
      }
    },
    addNoise: addNoiseBy((call) => ({ alpha: f32(1 - sigmas[call]!), sigma: sigmas[call]! })),
  };
}

function levels(settings: Settings, run: Run) {
  const { num_train_timesteps: train, use_dynamic_shifting: isDynamic, shift } = settings;
  // The class shifts its bounds when it is made, and the sigmas between them once more.
  const bound = (sigma: number) => (isDynamic ? f32(sigma) : f32(shifted(f32(sigma), shift)));
  const spaced = linspace(bound(1) * train, bound(1 / train) * train, run.steps);
  let between: Float64Array = spaced.map((t) => t / train).map(shiftOf(settings, run.mu));
  if (settings.shift_terminal !== undefined) {
    const stretch = (1 - between[run.steps - 1]!) / (1 - settings.shift_terminal);
    between = between.map((sigma) => 1 - (1 - sigma) / stretch);
  }
  const bounds = { highest: between[0]!, lowest: between[run.steps - 1]! };
  between = respacedSigmas(settings, bounds, run.steps) ?? between;
  const rounded = Float32Array.from(between, (sigma) =>
    settings.invert_sigmas ? f32(1 - f32(sigma)) : sigma,
  );
  return {
    timesteps: rounded.map((sigma) => sigma * train),
    sigmas: withFinalSigma(rounded, settings.invert_sigmas ? 1 : 0),
  };
}

/** How a sigma is moved towards noise: by the model's shift, or by one for the picture's size. */
function shiftOf(settings: Settings, mu: number | undefined): (sigma: number) => number {
  if (!settings.use_dynamic_shifting) return (sigma) => shifted(sigma, settings.shift);
  if (mu === undefined) {
    throw new ModelError(
      'The scheduler cannot be used',
      'use_dynamic_shifting is true, and the shift for the size of the picture is not known',
      'Choose another scheduler',
    );
  }
  const scale = settings.time_shift_type === 'exponential' ? Math.exp(mu) : mu;
  return (sigma) => scale / (scale + (1 / sigma - 1));
}
