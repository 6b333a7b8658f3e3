import { z } from 'zod';
import { ModelError } from '../model-error.ts';
import { noiseSettings, predictionSetting, zeroSnrSetting } from './settings.ts';

/** What diffusers' classes for models distilled to few steps, LCM and TCD, share. */
export const consistencySettings = {
  ...noiseSettings(0.00085, 0.012, 'scaled_linear'),
  ...zeroSnrSetting,
  ...predictionSetting,
  /** Steps of the schedule that the model was distilled on. */
  original_inference_steps: z.int().default(50),
};

type Settings = { num_train_timesteps: number; original_inference_steps: number };

/**
 * Timesteps spread over those of the distillation, section 4.3 of https://arxiv.org/abs/2310.04378,
 * [steps].
 *
 * @throws ModelError where there are not as many
 */
export function consistencyTimesteps(settings: Settings, steps: number): Float32Array {
  const { num_train_timesteps: train, original_inference_steps: original } = settings;
  if (original > train) {
    throw new ModelError(
      'The scheduler cannot be used',
      `original_inference_steps is ${original}, of ${train} trained timesteps`,
      'Correct it in scheduler/scheduler_config.json',
    );
  }
  if (steps > original) {
    throw new ModelError(
      'The scheduler cannot take so many steps',
      `${steps} steps are more than the ${original} that the model was distilled on (original_inference_steps)`,
      `Ask for ${original} steps or fewer`,
    );
  }
  const stride = Math.floor(train / original);
  return Float32Array.from({ length: steps }, (_, step) => {
    const at = Math.floor(step * (original / steps));
    return (original - at) * stride - 1;
  });
}
