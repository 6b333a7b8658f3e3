/** Both parameters of the distribution by whose quantiles noise levels are spaced. */
const SHAPE = 0.6;

/** Γ(1.2) ÷ Γ(0.6)², which scales the density. */
const DENSITY = 0.9181687423997607 / 1.489192248812817 ** 2;

/**
 * The quantile of the beta distribution with α = β = 0.6, `scipy.stats.beta.ppf(p, 0.6, 0.6)`, to
 * about 1e-15.
 *
 * @param p from 0 to 1
 */
export function betaQuantile(p: number): number {
  if (p <= 0 || p >= 1) return p <= 0 ? 0 : 1;
  // The distribution is symmetric, and small values keep their digits.
  if (p > 0.5) return 1 - betaQuantile(1 - p);
  let low = 0;
  let high = 0.5;
  let x = Math.min((p * SHAPE) / DENSITY, 1) ** (1 / SHAPE);
  if (!(x < high)) x = high / 2;
  for (let round = 0; round < 100; round++) {
    const error = lowerTail(x) - p;
    if (error > 0) high = x;
    else low = x;
    const density = DENSITY * (x * (1 - x)) ** (SHAPE - 1);
    const newton = x - error / density;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - x) <= 1e-16 * x) return next;
    x = next;
  }
  return x;
}

/** The regularised incomplete beta function for x up to 1/2, by its power series. */
function lowerTail(x: number): number {
  let term = 1;
  let sum = 1 / SHAPE;
  for (let n = 1; n < 200; n++) {
    term *= ((n - SHAPE) * x) / n;
    const part = term / (SHAPE + n);
    sum += part;
    if (part < 1e-17 * sum) break;
  }
  return DENSITY * x ** SHAPE * sum;
}
