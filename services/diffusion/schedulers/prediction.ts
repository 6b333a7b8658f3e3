const f32 = Math.fround;

/** What the model was trained to predict. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample' | 'flow_prediction';

/**
 * A quantity that follows from the sample and the model's output. All prediction types are linear:
 * (sample · x_t + output · model(x_t)) ÷ divisor.
 */
export type Prediction = { sample: number; output: number; divisor: number };

/** x₀, the sample without noise, for x_t = alpha · x₀ + sigma · noise. */
export function originalSample(type: PredictionType, alpha: number, sigma: number): Prediction {
  switch (type) {
    case 'epsilon':
      return { sample: 1, output: -sigma, divisor: alpha };
    case 'v_prediction':
      return { sample: alpha, output: -sigma, divisor: 1 };
    case 'sample':
      return { sample: 0, output: 1, divisor: 1 };
    case 'flow_prediction':
      return { sample: 1, output: -sigma, divisor: 1 };
  }
}

/** The noise in x_t = alpha · x₀ + sigma · noise. */
export function noiseInSample(type: PredictionType, alpha: number, sigma: number): Prediction {
  switch (type) {
    case 'epsilon':
      return { sample: 0, output: 1, divisor: 1 };
    case 'v_prediction':
      return { sample: sigma, output: alpha, divisor: 1 };
    case 'sample':
      return { sample: 1, output: -alpha, divisor: sigma };
    case 'flow_prediction':
      return { sample: 1, output: alpha, divisor: 1 };
  }
}

/** x₀ for x_t = x₀ + sigma · noise, the scale in which the Euler family works. */
export function originalSampleAtSigma(
  type: Exclude<PredictionType, 'flow_prediction'>,
  sigma: number,
): Prediction {
  if (type === 'epsilon') return { sample: 1, output: -sigma, divisor: 1 };
  const variance = f32(f32(sigma * sigma) + 1);
  const alpha = f32(1 / f32(Math.sqrt(variance)));
  const { sample, output } = originalSample(type, alpha, f32(sigma * alpha));
  return { sample: sample === 0 ? 0 : f32(1 / variance), output, divisor: 1 };
}

/** One element, each operation rounded to float32 as torch rounds it. */
export function predict(by: Prediction, x: number, modelOutput: number): number {
  return f32(f32(f32(by.sample * x) + f32(by.output * modelOutput)) / by.divisor);
}
