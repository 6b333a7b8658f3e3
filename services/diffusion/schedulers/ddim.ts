import { z } from 'zod';
import { addNoiseByAlphas, mixtureOf } from './add-noise.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { noiseInSample, predict } from './prediction.ts';
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

export const ddimSettings = z.object({
  ...noiseSettings(),
  ...zeroSnrSetting,
  ...spacingSettings('leading'),
  ...predictionSetting,
  ...clipSettings(true),
  ...thresholdSettings,
  set_alpha_to_one: z.boolean().default(true),
});

/**
 * Denoising diffusion implicit models, equations 12 and 16 of https://arxiv.org/abs/2010.02502;
 * η is 0 unless the run says otherwise. Equal to diffusers' `DDIMScheduler`.
 */
export function createDdim(settings: z.infer<typeof ddimSettings>, run: Run): Solver {
  const train = settings.num_train_timesteps;
  const alphas = cumulativeAlphas(settings, { keepFinite: false });
  const finalAlpha = settings.set_alpha_to_one ? 1 : alphas[0]!;
  const timesteps = wholeTimesteps(settings, run.steps);
  const ratio = Math.floor(train / run.steps);
  const eta = run.eta ?? 0;
  let originals = new Float32Array(0);
  let fresh = new Float32Array(0);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const t = timesteps[call]!;
      const previous = t - ratio;
      const alpha = alphas[t]!;
      const alphaNext = previous >= 0 ? alphas[previous]! : finalAlpha;
      const level = mixtureOf(alpha);
      const deviation = f32(eta * f32(Math.sqrt(varianceOf(alpha, alphaNext))));
      const signalNext = f32(Math.sqrt(alphaNext));
      const direction = f32(Math.sqrt(f32(f32(1 - alphaNext) - f32(deviation * deviation))));
      const toNoise = noiseInSample(settings.prediction_type, level.alpha, level.sigma);
      if (originals.length !== sample.length) {
        originals = new Float32Array(sample.length);
        fresh = new Float32Array(sample.length);
      }
      convertToOriginal(settings, level, { modelOutput, sample }, originals);
      if (eta > 0) run.random.randn(fresh);
      for (let i = 0; i < sample.length; i++) {
        // From x₀ before it is clipped, as in diffusers.
        const epsilon = predict(toNoise, sample[i]!, modelOutput[i]!);
        const mean = f32(f32(signalNext * originals[i]!) + f32(direction * epsilon));
        sample[i] = eta > 0 ? mean + f32(deviation * fresh[i]!) : mean;
      }
    },
    addNoise: addNoiseByAlphas(alphas, timesteps),
  };
}

/** Equation 16 with η = 1. */
const varianceOf = (alpha: number, alphaNext: number): number =>
  f32(f32(f32(1 - alphaNext) / f32(1 - alpha)) * f32(1 - f32(alpha / alphaNext)));
