import type { Solver } from './scheduler.ts';

const f32 = Math.fround;

/** How much of each is in x_t = alpha · x₀ + sigma · noise. */
export type Mixture = { alpha: number; sigma: number };

/** Writes the mixture into `out`, which may be one of the two, in float32. */
export function mix(
  { alpha, sigma }: Mixture,
  original: Float32Array,
  noise: Float32Array,
  out: Float32Array,
): void {
  for (let i = 0; i < out.length; i++) out[i] = f32(alpha * original[i]!) + f32(sigma * noise[i]!);
}

export const addNoiseBy =
  (mixtureAt: (call: number) => Mixture): Solver['addNoise'] =>
  (original, noise, call, out) =>
    mix(mixtureAt(call), original, noise, out);

export const addNoiseByAlphas = (
  alphas: Float32Array,
  timesteps: Float32Array,
): Solver['addNoise'] => addNoiseBy((call) => mixtureOf(alphas[timesteps[call]!]!));

/** In the scale in which the Euler family works. */
export const addNoiseBySigmas = (sigmas: Float32Array): Solver['addNoise'] =>
  addNoiseBy((call) => ({ alpha: 1, sigma: sigmas[call]! }));

/** √ᾱ and √(1 − ᾱ) in float32. */
export const mixtureOf = (alphaBar: number): Mixture => ({
  alpha: f32(Math.sqrt(alphaBar)),
  sigma: f32(Math.sqrt(f32(1 - alphaBar))),
});
