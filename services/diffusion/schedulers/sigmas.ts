import { ModelError } from '../model-error.ts';
import { betaQuantile } from './beta-quantile.ts';
import { interpolateAt, linspace } from './numpy.ts';

const f32 = Math.fround;

/** σ_t = √((1 − ᾱ_t) ÷ ᾱ_t) for every training timestep, float32. */
export function trainingSigmas(alphas: Float32Array): Float32Array {
  return alphas.map((alpha) => Math.sqrt(f32(f32(1 - alpha) / alpha)));
}

/** The sigma at each timestep, between the training timesteps by straight lines. */
export function sigmasAt(
  timesteps: Float32Array | Float64Array,
  sigmas: Float32Array,
): Float64Array {
  return Float64Array.from(timesteps, (t) => interpolateAt(t, sigmas));
}

export type RespacingSettings = {
  use_karras_sigmas: boolean;
  use_exponential_sigmas: boolean;
  use_beta_sigmas: boolean;
  sigma_min?: number | undefined;
  sigma_max?: number | undefined;
};

/**
 * Sigmas between two bounds, highest first, laid out without regard to timesteps.
 *
 * @param bounds used where the settings have no `sigma_min` and `sigma_max`
 * @returns undefined where the settings ask for none
 * @throws ModelError where they ask for several
 */
export function respacedSigmas(
  settings: RespacingSettings,
  bounds: { highest: number; lowest: number },
  count: number,
): Float64Array | undefined {
  const asked = (
    ['use_karras_sigmas', 'use_exponential_sigmas', 'use_beta_sigmas'] as const
  ).filter((key) => settings[key]);
  if (asked.length > 1) {
    throw new ModelError(
      'The scheduler cannot be used',
      `${asked.map((key) => `${key} is true`).join('; ')}, and each lays the noise levels out in its own way`,
      'Set one of them in scheduler/scheduler_config.json',
    );
  }
  const highest = settings.sigma_max ?? bounds.highest;
  const lowest = settings.sigma_min ?? bounds.lowest;
  switch (asked[0]) {
    case 'use_karras_sigmas':
      return karrasSigmas(highest, lowest, count);
    case 'use_exponential_sigmas':
      return linspace(Math.log(highest), Math.log(lowest), count).map(Math.exp);
    case 'use_beta_sigmas':
      return linspace(0, 1, count).map((t) => lowest + betaQuantile(1 - t) * (highest - lowest));
    case undefined:
      return undefined;
  }
}

/** Equation 5 of Karras et al., https://arxiv.org/abs/2206.00364, with ρ = 7; highest first. */
function karrasSigmas(highest: number, lowest: number, count: number): Float64Array {
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

/** Sigmas in float32 with what follows the last step behind them, [steps + 1]. */
export function withFinalSigma(sigmas: Float32Array | Float64Array, last: number): Float32Array {
  const out = new Float32Array(sigmas.length + 1);
  out.set(sigmas);
  out[sigmas.length] = last;
  return out;
}
