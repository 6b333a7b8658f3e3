import { z } from 'zod';
import { addNoiseByAlphas, mixtureOf } from './add-noise.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { type Run, type Solver, unscaled, withoutHistory } from './scheduler.ts';
import {
  clipSettings,
  noiseSettings,
  predictionSetting,
  spacingSettings,
  thresholdSettings,
  zeroSnrSetting,
} from './settings.ts';
import { convertToOriginal } from './solver-output.ts';
import { wholeTimesteps } from './timesteps.ts';

const f32 = Math.fround;

export const ddpmSettings = z.object({
  ...noiseSettings(),
  ...zeroSnrSetting,
  beta_schedule: z
    .enum(['linear', 'scaled_linear', 'squaredcos_cap_v2', 'laplace', 'sigmoid'])
    .default('linear'),
  ...spacingSettings('leading'),
  ...predictionSetting,
  ...clipSettings(true),
  ...thresholdSettings,
  // Learned variances need a model of twice the channels; of fixed_large_log diffusers makes NaN.
  variance_type: z.enum(['fixed_small', 'fixed_small_log', 'fixed_large']).default('fixed_small'),
});
type Settings = z.infer<typeof ddpmSettings>;

/**
 * Denoising diffusion probabilistic models, formulas 6, 7 and 15 of https://arxiv.org/abs/2006.11239.
 * Equal to diffusers' `DDPMScheduler`, which adds noise after every call but one at timestep 0.
 */
export function createDdpm(settings: Settings, { steps, random }: Run): Solver {
  const alphas = cumulativeAlphas(settings, { keepFinite: false });
  const timesteps = wholeTimesteps(settings, steps);
  let originals = new Float32Array(0);
  let noise = new Float32Array(0);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const t = timesteps[call]!;
      const alpha = alphas[t]!;
      const alphaNext = call + 1 < timesteps.length ? alphas[timesteps[call + 1]!]! : 1;
      const level = mixtureOf(alpha);
      const rest = f32(1 - alpha);
      const restNext = f32(1 - alphaNext);
      const stepAlpha = f32(alpha / alphaNext);
      const stepBeta = f32(1 - stepAlpha);
      const ofOriginal = f32(f32(f32(Math.sqrt(alphaNext)) * stepBeta) / rest);
      const ofSample = f32(f32(f32(Math.sqrt(stepAlpha)) * restNext) / rest);
      if (originals.length !== sample.length) {
        originals = new Float32Array(sample.length);
        noise = new Float32Array(sample.length);
      }
      convertToOriginal(settings, level, { modelOutput, sample }, originals);
      const deviation =
        t > 0 ? deviationOf(settings, f32(f32(restNext / rest) * stepBeta), stepBeta) : 0;
      if (t > 0) random.randn(noise);
      for (let i = 0; i < sample.length; i++) {
        const mean = f32(f32(ofOriginal * originals[i]!) + f32(ofSample * sample[i]!));
        sample[i] = t > 0 ? mean + f32(deviation * noise[i]!) : mean;
      }
    },
    addNoise: addNoiseByAlphas(alphas, timesteps),
  };
}

/** Of the noise that is added, from the posterior's variance and the step's beta. */
function deviationOf({ variance_type }: Settings, variance: number, stepBeta: number): number {
  const least = Math.max(variance, f32(1e-20));
  switch (variance_type) {
    case 'fixed_small':
      return f32(Math.sqrt(least));
    case 'fixed_small_log':
      return f32(Math.exp(f32(0.5 * f32(Math.log(least)))));
    case 'fixed_large':
      return f32(Math.sqrt(stepBeta));
  }
}
