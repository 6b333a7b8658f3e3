import { addNoiseBy, type Mixture } from './add-noise.ts';
import { linspace, roundHalfToEven } from './numpy.ts';
import type { Solver } from './scheduler.ts';
import { type RespacingSettings, respacedSigmas, sigmasAt, timestepOf } from './sigmas.ts';
import {
  leadingTimesteps,
  linspaceTimesteps,
  type SpacingSettings,
  trailingTimesteps,
} from './timesteps.ts';

const f32 = Math.fround;

/** One noise level of the solvers in log-SNR, DPM-Solver, UniPC and DEIS, in float32. */
export type Level = Mixture & {
  /** log(alpha ÷ sigma) */
  lambda: number;
};

/** @param isFlow sigma is that of flow matching, else that of the Euler family */
export function levelOf(ratio: number, isFlow: boolean): Level {
  const alpha = isFlow ? f32(1 - ratio) : f32(1 / f32(Math.sqrt(f32(f32(ratio * ratio) + 1))));
  const sigma = isFlow ? ratio : f32(ratio * alpha);
  return { alpha, sigma, lambda: f32(f32(Math.log(alpha)) - f32(Math.log(sigma))) };
}

export const addNoiseByLevels = (levels: readonly Level[]): Solver['addNoise'] =>
  addNoiseBy((call) => levels[call]!);

/**
 * One timestep more than steps is laid out and the lowest left off, but for trailing.
 *
 * @param last how many of the trained timesteps are used
 */
export function solverTimesteps(
  settings: SpacingSettings,
  steps: number,
  last = settings.num_train_timesteps,
): Float64Array {
  switch (settings.timestep_spacing) {
    case 'linspace':
      return linspaceTimesteps(last - 1, steps + 1)
        .map(roundHalfToEven)
        .subarray(0, steps);
    case 'leading':
      return leadingTimesteps(last, steps + 1, settings.steps_offset).subarray(0, steps);
    case 'trailing':
      return trailingTimesteps(settings.num_train_timesteps, steps, last);
  }
}

type SigmaSettings = RespacingSettings & {
  num_train_timesteps: number;
  use_flow_sigmas: boolean;
  flow_shift: number;
};

/** How a run's sigmas were laid out, and what the model is told at each. */
export type SolverSigmas = {
  timesteps: Float64Array;
  /** [steps], without the last, which is the algorithm's own. */
  sigmas: Float64Array;
  by: 'timesteps' | 'respacing' | 'flow';
};

/** @param training sigmas of every trained timestep */
export function solverSigmas(
  settings: SigmaSettings,
  steps: number,
  timesteps: Float64Array,
  training: Float32Array,
): SolverSigmas {
  const bounds = { highest: training[training.length - 1]!, lowest: training[0]! };
  const respaced = respacedSigmas(settings, bounds, steps);
  if (respaced !== undefined) {
    // The model is told whole timesteps, which for all but Karras's are cut off, not rounded.
    const whole = settings.use_karras_sigmas ? roundHalfToEven : Math.trunc;
    const told = respaced.map((sigma) => whole(timestepOf(sigma, training)));
    return { timesteps: told, sigmas: respaced, by: 'respacing' };
  }
  if (settings.use_flow_sigmas) {
    const train = settings.num_train_timesteps;
    const sigmas = linspace(1, 1 / train, steps + 1)
      .map((alpha) => shifted(1 - alpha, settings.flow_shift))
      .reverse()
      .subarray(0, steps);
    return { timesteps: wholeFlowTimesteps(sigmas, train), sigmas, by: 'flow' };
  }
  return { timesteps, sigmas: sigmasAt(timesteps, training), by: 'timesteps' };
}

/** The sigmas of flow matching moved towards noise, section 5.3.2 of https://arxiv.org/abs/2403.03206. */
export const shifted = (sigma: number, shift: number): number =>
  (shift * sigma) / (1 + (shift - 1) * sigma);

export const wholeFlowTimesteps = (sigmas: Float64Array, train: number): Float64Array =>
  sigmas.map((sigma) => Math.trunc(sigma * train));
