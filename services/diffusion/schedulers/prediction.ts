import type { SchedulerConfig } from './scheduler-config.ts';

/** x₀ = fromSample · x_t + fromOutput · model(x_t). */
export type OriginalSample = { fromSample: number; fromOutput: number };

/**
 * How the picture without noise follows from the model's output, for x_t = alpha · x₀ + sigma · noise
 * with alpha² + sigma² = 1. All prediction types are linear in sample and output.
 */
export function originalSample(
  type: SchedulerConfig['prediction_type'],
  alpha: number,
  sigma: number,
): OriginalSample {
  switch (type) {
    case 'epsilon':
      return { fromSample: 1 / alpha, fromOutput: -sigma / alpha };
    case 'v_prediction':
      return { fromSample: alpha, fromOutput: -sigma };
    case 'sample':
      return { fromSample: 0, fromOutput: 1 };
  }
}

/** The same for x_t = x₀ + sigma · noise, the scale in which the Euler family works. */
export function originalSampleAtSigma(
  type: SchedulerConfig['prediction_type'],
  sigma: number,
): OriginalSample {
  const alpha = 1 / Math.sqrt(sigma * sigma + 1);
  const { fromSample, fromOutput } = originalSample(type, alpha, sigma * alpha);
  return { fromSample: fromSample * alpha, fromOutput };
}
