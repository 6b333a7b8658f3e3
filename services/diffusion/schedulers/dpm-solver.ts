import type { Level } from './log-snr.ts';

const f32 = Math.fround;

/**
 * DPM-Solver integrates the predicted noise (https://arxiv.org/abs/2206.00927), DPM-Solver++ the
 * predicted x₀ (https://arxiv.org/abs/2211.01095); `sde` adds noise at each step.
 */
export type DpmAlgorithm = 'dpmsolver' | 'dpmsolver++' | 'sde-dpmsolver' | 'sde-dpmsolver++';

export const predictsNoise = (algorithm: DpmAlgorithm) => !algorithm.endsWith('++');
export const isStochastic = (algorithm: DpmAlgorithm) => algorithm.startsWith('sde-');

/** x_t = sample · x + d0 · D₀ + … + noise · z, float32; D₁ and D₂ are the first two derivatives of D₀. */
export type DpmWeights = {
  sample: number;
  d0: number;
  /** Of D₁ with the midpoint rule. */
  midpoint: number;
  /** Of D₁ by its integral, as with Heun's rule and at the third order. */
  d1: number;
  d2: number;
  noise: number;
};

/** From one noise level to another, each operation rounded to float32 as torch rounds it. */
export function dpmWeights(algorithm: DpmAlgorithm, from: Level, to: Level): DpmWeights {
  const h = f32(to.lambda - from.lambda);
  switch (algorithm) {
    case 'dpmsolver++': {
      const decay = f32(f32(Math.exp(-h)) - 1);
      const d0 = -f32(to.alpha * decay);
      return {
        sample: f32(to.sigma / from.sigma),
        d0,
        midpoint: d0 / 2,
        d1: f32(to.alpha * f32(f32(decay / h) + 1)),
        d2: -f32(to.alpha * f32(f32(f32(decay + h) / f32(h * h)) - 0.5)),
        noise: 0,
      };
    }
    case 'dpmsolver': {
      const growth = f32(f32(Math.exp(h)) - 1);
      const d0 = -f32(to.sigma * growth);
      return {
        sample: f32(to.alpha / from.alpha),
        d0,
        midpoint: d0 / 2,
        d1: -f32(to.sigma * f32(f32(growth / h) - 1)),
        d2: -f32(to.sigma * f32(f32(f32(growth - h) / f32(h * h)) - 0.5)),
        noise: 0,
      };
    }
    case 'sde-dpmsolver++': {
      const gain = f32(1 - f32(Math.exp(-2 * h)));
      const d0 = f32(to.alpha * gain);
      return {
        sample: f32(f32(to.sigma / from.sigma) * f32(Math.exp(-h))),
        d0,
        midpoint: d0 / 2,
        d1: f32(to.alpha * f32(f32(gain / (-2 * h)) + 1)),
        d2: f32(to.alpha * f32(f32(f32(gain - 2 * h) / f32(4 * f32(h * h))) - 0.5)),
        noise: f32(to.sigma * f32(Math.sqrt(gain))),
      };
    }
    case 'sde-dpmsolver': {
      const growth = f32(f32(Math.exp(h)) - 1);
      const d0 = -2 * f32(to.sigma * growth);
      return {
        sample: f32(to.alpha / from.alpha),
        d0,
        midpoint: d0 / 2,
        d1: -2 * f32(to.sigma * f32(f32(growth / h) - 1)),
        d2: Number.NaN,
        noise: f32(to.sigma * f32(Math.sqrt(f32(f32(Math.exp(2 * h)) - 1)))),
      };
    }
  }
}

/** The terms of a step: a weight and what it weighs, in the order in which torch adds them. */
export type Term = readonly [weight: number, values: Float32Array];

/** Writes their sum into `out`, which may be one of them; each operation is rounded to float32. */
export function addTerms(terms: readonly Term[], out: Float32Array): void {
  const sum = new Float32Array(out.length);
  for (const [weight, values] of terms) {
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + f32(weight * values[i]!);
  }
  out.set(sum);
}

/** weight · (a − b), a divided difference. */
export const difference = (weight: number, a: Float32Array, b: Float32Array): Float32Array =>
  a.map((value, i) => f32(weight) * f32(value - b[i]!));
