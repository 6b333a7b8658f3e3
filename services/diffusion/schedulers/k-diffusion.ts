import { cumulativeAlphas, type NoiseSettings } from './noise-schedule.ts';
import { roundHalfToEven } from './numpy.ts';
import type { Solver } from './scheduler.ts';
import type { Spacing } from './settings.ts';
import {
  type RespacingSettings,
  respacedSigmas,
  sigmasAt,
  timestepOf,
  trainingSigmas,
} from './sigmas.ts';
import { fractionalTimesteps, type SpacingSettings } from './timesteps.ts';

const f32 = Math.fround;

/**
 * What the algorithms that diffusers took from k-diffusion share: Euler, Heun, LMS and KDPM2 work on
 * x_t = x₀ + σ · noise, from fractional timesteps.
 */
export type KDiffusionLevels = {
  /** [steps] */
  timesteps: Float32Array;
  /** [steps], without the last, which is the algorithm's own. */
  sigmas: Float64Array;
  /** Of every training timestep. */
  training: Float32Array;
};

/** @param options.wholeKarrasTimesteps rounds timesteps where the sigmas are Karras's, as KDPM2 does */
export function kDiffusionLevels(
  settings: NoiseSettings & SpacingSettings & RespacingSettings,
  steps: number,
  options: { wholeKarrasTimesteps?: boolean } = {},
): KDiffusionLevels {
  const training = trainingSigmas(cumulativeAlphas(settings, { keepFinite: true }));
  const timesteps = fractionalTimesteps(settings, steps);
  const sigmas = sigmasAt(timesteps, training);
  const bounds = { highest: sigmas[0]!, lowest: sigmas[steps - 1]! };
  const respaced = respacedSigmas(settings, bounds, steps);
  if (respaced === undefined) return { timesteps, sigmas, training };
  const round = options.wholeKarrasTimesteps && settings.use_karras_sigmas;
  const told = respaced.map((sigma) => timestepOf(sigma, training));
  return {
    timesteps: Float32Array.from(round ? told.map(roundHalfToEven) : told),
    sigmas: respaced,
    training,
  };
}

/** Noise starts at the highest sigma, or at √(σ² + 1) where the first timestep lies below the top. */
export function initialNoiseSigma(spacing: Spacing, sigmas: Float32Array): number {
  const highest = Math.max(...sigmas);
  return spacing === 'leading' ? f32(Math.sqrt(f32(f32(highest * highest) + 1))) : highest;
}

/** The model was trained on samples of unit variance: x ÷ √(σ² + 1), σ by call. */
export function scaleBySigma(sigmas: Float32Array): Solver['scaleModelInput'] {
  return (call, sample, out) => {
    const sigma = sigmas[call]!;
    const scale = f32(Math.sqrt(f32(f32(sigma * sigma) + 1)));
    for (let i = 0; i < sample.length; i++) out[i] = sample[i]! / scale;
  };
}

/** For algorithms of two calls a step: the first value, the others twice each, and what follows. */
export const twiceBetween = (
  values: Float32Array | Float64Array,
  last: readonly number[],
): Float32Array =>
  Float32Array.from([
    ...[...values].flatMap((value, i) => (i === 0 ? [value] : [value, value])),
    ...last,
  ]);
