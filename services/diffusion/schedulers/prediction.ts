import type { SchedulerConfig } from './scheduler-config.ts';

const f32 = Math.fround;

/**
 * How x₀, the sample without noise, follows from the sample and the model's output. All prediction
 * types are linear: x₀ = (sample · x_t + output · model(x_t)) ÷ divisor.
 */
export type OriginalSample = { sample: number; output: number; divisor: number };

/** For x_t = alpha · x₀ + sigma · noise with alpha² + sigma² = 1. */
export function originalSample(
  type: SchedulerConfig['prediction_type'],
  alpha: number,
  sigma: number,
): OriginalSample {
  switch (type) {
    case 'epsilon':
      return { sample: 1, output: -sigma, divisor: alpha };
    case 'v_prediction':
      return { sample: alpha, output: -sigma, divisor: 1 };
    case 'sample':
      return { sample: 0, output: 1, divisor: 1 };
  }
}

/** For x_t = x₀ + sigma · noise, the scale in which the Euler family works. */
export function originalSampleAtSigma(
  type: SchedulerConfig['prediction_type'],
  sigma: number,
): OriginalSample {
  if (type === 'epsilon') return { sample: 1, output: -sigma, divisor: 1 };
  const variance = f32(f32(sigma * sigma) + 1);
  const alpha = f32(1 / f32(Math.sqrt(variance)));
  const { sample, output } = originalSample(type, alpha, f32(sigma * alpha));
  return { sample: sample === 0 ? 0 : f32(1 / variance), output, divisor: 1 };
}

/** x₀ of one element, each operation rounded to float32 as torch rounds it. */
export function predictOriginal(by: OriginalSample, x: number, modelOutput: number): number {
  return f32(f32(f32(by.sample * x) + f32(by.output * modelOutput)) / by.divisor);
}
