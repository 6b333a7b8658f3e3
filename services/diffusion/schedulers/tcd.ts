import { z } from 'zod';
import { addNoiseByAlphas, mix, mixtureOf } from './add-noise.ts';
import { consistencySettings, consistencyTimesteps } from './consistency.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { noiseInSample, originalSample, predict } from './prediction.ts';
import { type Run, type Solver, unscaled, withoutHistory } from './scheduler.ts';

const f32 = Math.fround;

export const tcdSettings = z.object(consistencySettings);

/**
 * Trajectory consistency distillation, https://arxiv.org/abs/2402.19159: each call goes to a timestep
 * between its own and the next, by γ, and adds noise up to the next. Equal to diffusers'
 * `TCDScheduler`, whose γ, called `eta`, is 0.3 unless the run says otherwise.
 */
export function createTcd(settings: z.infer<typeof tcdSettings>, run: Run): Solver {
  const alphas = cumulativeAlphas(settings, { keepFinite: false });
  const timesteps = consistencyTimesteps(settings, run);
  const gamma = run.eta ?? 0.3;

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const isLast = call === timesteps.length - 1;
      const next = isLast ? 0 : timesteps[call + 1]!;
      const at = mixtureOf(alphas[timesteps[call]!]!);
      const alphaBetween = alphas[Math.floor(f32(f32(1 - gamma) * next))]!;
      const between = mixtureOf(alphaBetween);
      const toOriginal = originalSample(settings.prediction_type, at.alpha, at.sigma);
      const toNoise = noiseInSample(settings.prediction_type, at.alpha, at.sigma);
      for (let i = 0; i < sample.length; i++) {
        const original = predict(toOriginal, sample[i]!, modelOutput[i]!);
        const epsilon = predict(toNoise, sample[i]!, modelOutput[i]!);
        sample[i] = f32(between.alpha * original) + f32(between.sigma * epsilon);
      }
      if (isLast || gamma === 0) return;
      const share = f32(alphas[next]! / alphaBetween);
      const noise = new Float32Array(sample.length);
      run.random.randn(noise);
      mix(mixtureOf(share), sample, noise, sample);
    },
    addNoise: addNoiseByAlphas(alphas, timesteps),
  };
}
