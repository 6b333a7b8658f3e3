import { z } from 'zod';
import { addNoiseByAlphas, mix, mixtureOf } from './add-noise.ts';
import { consistencySettings, consistencyTimesteps } from './consistency.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { type Run, type Solver, unscaled, withoutHistory } from './scheduler.ts';
import { clipSettings, thresholdSettings } from './settings.ts';
import { convertToOriginal } from './solver-output.ts';

const f32 = Math.fround;

export const lcmSettings = z.object({
  ...consistencySettings,
  ...clipSettings(false),
  ...thresholdSettings,
  timestep_scaling: z.number().default(10),
});

/** σ of the data, in the boundary conditions of consistency models. */
const SIGMA_DATA_SQUARED = 0.25;

/**
 * Multistep sampling of latent consistency models, https://arxiv.org/abs/2310.04378: each call predicts
 * the end, and all but the last add noise to it anew. Equal to diffusers' `LCMScheduler`.
 */
export function createLcm(settings: z.infer<typeof lcmSettings>, run: Run): Solver {
  const alphas = cumulativeAlphas(settings, { keepFinite: false });
  const timesteps = consistencyTimesteps(settings, run);
  let originals = new Float32Array(0);
  let noise = new Float32Array(0);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const t = timesteps[call]!;
      const level = mixtureOf(alphas[t]!);
      const scaled = f32(t * settings.timestep_scaling);
      const squared = f32(f32(scaled * scaled) + SIGMA_DATA_SQUARED);
      const skip = f32(SIGMA_DATA_SQUARED / squared);
      const keep = f32(scaled / f32(Math.sqrt(squared)));
      if (originals.length !== sample.length) {
        originals = new Float32Array(sample.length);
        noise = new Float32Array(sample.length);
      }
      convertToOriginal(settings, level, { modelOutput, sample }, originals);
      for (let i = 0; i < sample.length; i++) {
        sample[i] = f32(keep * originals[i]!) + f32(skip * sample[i]!);
      }
      if (call === timesteps.length - 1) return;
      run.random.randn(noise);
      mix(mixtureOf(alphas[timesteps[call + 1]!]!), sample, noise, sample);
    },
    addNoise: addNoiseByAlphas(alphas, timesteps),
  };
}
