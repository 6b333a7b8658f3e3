import { linspace, roundHalfToEven } from './numpy.ts';

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
