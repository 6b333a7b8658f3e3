import { z } from 'zod';
import { addNoiseBySigmas } from './add-noise.ts';
import { initialNoiseSigma, scaleBySigma } from './k-diffusion.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { originalSampleAtSigma, predict } from './prediction.ts';
import { type Run, type Solver, withoutHistory } from './scheduler.ts';
import { noiseSettings, spacingSettings, zeroSnrSetting } from './settings.ts';
import { sigmasAt, trainingSigmas, withFinalSigma } from './sigmas.ts';
import { fractionalTimesteps } from './timesteps.ts';

const f32 = Math.fround;

export const eulerAncestralSettings = z.object({
  ...noiseSettings(),
  ...zeroSnrSetting,
  ...spacingSettings('linspace'),
  prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
});

/**
 * Ancestral sampling with Euler steps: each goes below its target and adds fresh noise. Equal to
 * diffusers' `EulerAncestralDiscreteScheduler`, which draws noise at the last step too.
 */
export function createEulerAncestral(
  settings: z.infer<typeof eulerAncestralSettings>,
  { steps, random }: Run,
): Solver {
  const training = trainingSigmas(cumulativeAlphas(settings, { keepFinite: true }));
  const timesteps = fractionalTimesteps(settings, steps);
  const sigmas = withFinalSigma(sigmasAt(timesteps, training), 0);
  let noise = new Float32Array(0);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: initialNoiseSigma(settings.timestep_spacing, sigmas),
    scaleModelInput: scaleBySigma(sigmas),
    step(call, modelOutput, sample) {
      const from = sigmas[call]!;
      const { up, down } = ancestralStep(from, sigmas[call + 1]!);
      const prediction = originalSampleAtSigma(settings.prediction_type, from);
      const stride = f32(down - from);
      if (noise.length !== sample.length) noise = new Float32Array(sample.length);
      random.randn(noise);
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const derivative = f32(f32(x - predict(prediction, x, modelOutput[i]!)) / from);
        sample[i] = f32(x + f32(derivative * stride)) + f32(noise[i]! * up);
      }
    },
    addNoise: addNoiseBySigmas(sigmas),
  };
}

/**
 * The sigma that the step itself goes to, and that of the noise which leads back up to `to`. Where the
 * step is long the first is what rounding leaves of it, so each operation is rounded as torch rounds it.
 */
export function ancestralStep(from: number, to: number): { down: number; up: number } {
  const target = f32(to * to);
  const variance = f32(from * from);
  const up = f32(Math.sqrt(f32(f32(target * f32(variance - target)) / variance)));
  return { down: f32(Math.sqrt(Math.max(f32(target - f32(up * up)), 0))), up };
}
