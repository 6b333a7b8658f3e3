import { z } from 'zod';
import { ModelError } from '../model-error.ts';
import type { Run } from './scheduler.ts';
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
 * Timesteps spread over those of the distillation, section 4.3 of https://arxiv.org/abs/2310.04378, or
 * over as many of the lowest as the strength leaves, [steps].
 *
 * @throws ModelError where there are not as many
 */
export function consistencyTimesteps(
  settings: Settings,
  { steps, strength = 1 }: Pick<Run, 'steps' | 'strength'>,
): Float32Array {
  const { num_train_timesteps: train, original_inference_steps: original } = settings;
  if (original > train) {
    throw new ModelError(
      'The scheduler cannot be used',
      `original_inference_steps is ${original}, of ${train} trained timesteps`,
      'Correct it in scheduler/scheduler_config.json',
    );
  }
  const left = Math.floor(original * strength);
  if (steps > left) {
    throw new ModelError(
      'The scheduler cannot take so many steps',
      `${steps} steps are more than the ${left} that ${strength < 1 ? `strength ${strength} leaves of the ${original} that ` : ''}the model was distilled on (original_inference_steps)`,
      strength < 1 ? 'Ask for fewer steps or more strength' : `Ask for ${left} steps or fewer`,
    );
  }
  const stride = Math.floor(train / original);
  return Float32Array.from({ length: steps }, (_, step) => {
    const at = Math.floor(step * (left / steps));
    return (left - at) * stride - 1;
  });
}
