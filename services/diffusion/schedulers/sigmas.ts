import { interpolateAt, linspace } from './numpy.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { leadingTimesteps, linspaceTimesteps, trailingTimesteps } from './timesteps.ts';

const f32 = Math.fround;

/** σ_t = √((1 − ᾱ_t) ÷ ᾱ_t) for every training timestep, float32. */
export function trainingSigmas(alphas: Float32Array): Float32Array {
  return alphas.map((alpha) => Math.sqrt(f32(f32(1 - alpha) / alpha)));
}

/** Fractional timesteps of the Euler family, [steps]. */
export function eulerTimesteps(config: SchedulerConfig, steps: number): Float32Array {
  const train = config.num_train_timesteps;
  switch (config.timestep_spacing ?? 'linspace') {
    case 'linspace':
      return Float32Array.from(linspaceTimesteps(train - 1, steps));
    case 'leading':
      return Float32Array.from(leadingTimesteps(train, steps, config.steps_offset));
    case 'trailing':
      return Float32Array.from(trailingTimesteps(train, steps));
  }
}

/** The sigma at each timestep, between the training timesteps by straight lines. */
export function sigmasAt(
  timesteps: Float32Array | Float64Array,
  sigmas: Float32Array,
): Float64Array {
  return Float64Array.from(timesteps, (t) => interpolateAt(t, sigmas));
}

/** Equation 5 of Karras et al., https://arxiv.org/abs/2206.00364, with ρ = 7; highest first. */
export function karrasSigmas(highest: number, lowest: number, count: number): Float64Array {
  const rho = 7;
  const top = highest ** (1 / rho);
  const bottom = lowest ** (1 / rho);
  return linspace(0, 1, count).map((ramp) => (top + ramp * (bottom - top)) ** rho);
}

/** The fractional training timestep whose sigma this is, by straight lines in log σ. */
export function timestepOf(sigma: number, sigmas: Float32Array): number {
  const logSigma = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  // The highest timestep whose sigma is not above; log σ rises with the timestep.
  while (low < sigmas.length - 2 && f32(Math.log(sigmas[low + 1]!)) <= logSigma) low += 1;
  const below = f32(Math.log(sigmas[low]!));
  const above = f32(Math.log(sigmas[low + 1]!));
  const weight = Math.min(Math.max((below - logSigma) / f32(below - above), 0), 1);
  return (1 - weight) * low + weight * (low + 1);
}

/** The run's sigmas with what follows the last step behind them, [steps + 1], float32. */
export function withFinalSigma(
  sigmas: Float64Array,
  config: SchedulerConfig,
  lowestTrainingSigma: number,
): Float32Array {
  const out = new Float32Array(sigmas.length + 1);
  out.set(sigmas);
  out[sigmas.length] = config.final_sigmas_type === 'sigma_min' ? lowestTrainingSigma : 0;
  return out;
}
