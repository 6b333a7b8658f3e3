import type { Solver } from './scheduler.ts';

const f32 = Math.fround;

/** x_t = signal · x₀ + amount · noise, for what a call says the two are. */
export function addNoiseBy(
  levelOf: (call: number) => { signal: number; amount: number },
): Solver['addNoise'] {
  return (original, noise, call, out) => {
    const { signal, amount } = levelOf(call);
    for (let i = 0; i < out.length; i++) {
      out[i] = f32(signal * original[i]!) + f32(amount * noise[i]!);
    }
  };
}

/** √ᾱ · x₀ + √(1 − ᾱ) · noise, ᾱ at the call's timestep. */
export const addNoiseByAlphas = (
  alphas: Float32Array,
  timesteps: Float32Array,
): Solver['addNoise'] => addNoiseBy((call) => levelAt(alphas[timesteps[call]!]!));

/** x₀ + σ · noise, the scale in which the Euler family works. */
export const addNoiseBySigmas = (sigmas: Float32Array): Solver['addNoise'] =>
  addNoiseBy((call) => ({ signal: 1, amount: sigmas[call]! }));

/** √ᾱ and √(1 − ᾱ) in float32. */
export const levelAt = (alpha: number) => ({
  signal: f32(Math.sqrt(alpha)),
  amount: f32(Math.sqrt(f32(1 - alpha))),
});
