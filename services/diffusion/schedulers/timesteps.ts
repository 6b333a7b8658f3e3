import { ModelError } from '../model-error.ts';
import { linspace, roundHalfToEven } from './numpy.ts';
import type { Spacing } from './settings.ts';

export type SpacingSettings = {
  num_train_timesteps: number;
  timestep_spacing: Spacing;
  steps_offset: number;
};

/**
 * The three spacings of table 2 in https://arxiv.org/abs/2305.08891, highest timestep first, as
 * diffusers' schedulers compute them.
 */

/** `count` values from `last` down to 0, fractional. */
export function linspaceTimesteps(last: number, count: number): Float64Array {
  return linspace(0, last, count).reverse();
}

/** `count` whole multiples of ⌊trainTimesteps ÷ count⌋, shifted up by `offset`. */
export function leadingTimesteps(
  trainTimesteps: number,
  count: number,
  offset: number,
): Float64Array {
  const ratio = Math.floor(trainTimesteps / count);
  return Float64Array.from({ length: count }, (_, i) => (count - 1 - i) * ratio + offset);
}

/**
 * Whole values from `last` down in strides of trainTimesteps ÷ steps.
 *
 * For some step counts (61, 103, …) rounding makes `numpy.arange` in diffusers give one value more,
 * at timestep −1, where no model was trained; here there are never more than `steps`.
 */
export function trailingTimesteps(
  trainTimesteps: number,
  steps: number,
  last = trainTimesteps,
): Float64Array {
  const ratio = trainTimesteps / steps;
  const count = Math.min(Math.ceil(last / ratio), steps);
  // `numpy.arange` strides by the difference of its first two values.
  const stride = last - ratio - last;
  return Float64Array.from({ length: count }, (_, i) => roundHalfToEven(last + i * stride) - 1);
}

/**
 * Whole timesteps of the algorithms that look ᾱ up by timestep, [steps].
 *
 * @throws ModelError where the offset leads beyond the timesteps that were trained
 */
export function wholeTimesteps(settings: SpacingSettings, steps: number): Float32Array {
  const { num_train_timesteps: train, steps_offset: offset } = settings;
  const timesteps = Float32Array.from(spaced(settings, steps), roundHalfToEven);
  if (timesteps[0]! >= train) {
    throw new ModelError(
      'The scheduler cannot take so many steps',
      `with steps_offset ${offset}, ${steps} steps begin at timestep ${timesteps[0]}, beyond the last that was trained (${train - 1})`,
      'Ask for fewer steps',
    );
  }
  return timesteps;
}

/** Timesteps of the algorithms that look sigmas up between timesteps, fractional, [steps]. */
export const fractionalTimesteps = (settings: SpacingSettings, steps: number): Float32Array =>
  Float32Array.from(spaced(settings, steps));

function spaced(settings: SpacingSettings, steps: number): Float64Array {
  const { num_train_timesteps: train, steps_offset: offset } = settings;
  switch (settings.timestep_spacing) {
    case 'linspace':
      return linspaceTimesteps(train - 1, steps);
    case 'leading':
      return leadingTimesteps(train, steps, offset);
    case 'trailing':
      return trailingTimesteps(train, steps);
  }
}
