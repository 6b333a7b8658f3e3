import { ModelError } from '../model-error.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { initialNoiseSigma, scaleBySigma } from './euler.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { originalSampleAtSigma, predictOriginal } from './prediction.ts';
import { type Scheduler, withoutHistory } from './scheduler.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { eulerTimesteps, sigmasAt, trainingSigmas, withFinalSigma } from './sigmas.ts';

const f32 = Math.fround;

/**
 * Ancestral sampling with Euler steps: each goes below its target and adds fresh noise. Equal to
 * diffusers' `EulerAncestralDiscreteScheduler`, which draws noise at the last step too.
 */
export function createEulerAncestral(
  config: SchedulerConfig,
  steps: number,
  random: TorchGenerator,
): Scheduler {
  if (config.prediction_type === 'sample') {
    throw new ModelError(
      'The scheduler cannot be used',
      'euler-ancestral is not defined for prediction_type "sample"',
      'Choose another scheduler',
    );
  }
  const training = trainingSigmas(cumulativeAlphas(config, { keepFinite: true }));
  const timesteps = eulerTimesteps(config, steps);
  const sigmas = withFinalSigma(
    sigmasAt(timesteps, training),
    // This algorithm always ends at zero.
    { ...config, final_sigmas_type: 'zero' },
    0,
  );
  let noise = new Float32Array(0);

  return {
    ...withoutHistory,
    timesteps,
    initialNoiseSigma: initialNoiseSigma(config, sigmas),
    scaleModelInput: scaleBySigma(sigmas),
    step(step, modelOutput, sample) {
      const from = sigmas[step]!;
      const to = sigmas[step + 1]!;
      const prediction = originalSampleAtSigma(config.prediction_type, from);
      const up = f32(Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2));
      const stride = f32(f32(Math.sqrt(to ** 2 - up ** 2)) - from);
      if (noise.length !== sample.length) noise = new Float32Array(sample.length);
      random.randn(noise);
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const derivative = f32(f32(x - predictOriginal(prediction, x, modelOutput[i]!)) / from);
        sample[i] = f32(x + f32(derivative * stride)) + f32(noise[i]! * up);
      }
    },
  };
}
