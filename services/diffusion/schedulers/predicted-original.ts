import { originalSample, type PredictionType } from './prediction.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * The sample without noise as the model predicts it at one call, for who wants to see how far a run has
 * come. In whatever scale the scheduler works: how much of a sample is noise shows in `addNoise`.
 *
 * @param from the sample before the call, and the model's output for it
 */
export function predictedOriginal(
  scheduler: Pick<Scheduler, 'addNoise'>,
  type: PredictionType,
  call: number,
  from: { sample: Float32Array; modelOutput: Float32Array },
): Float32Array {
  const level = new Float32Array(2);
  scheduler.addNoise(Float32Array.of(1, 0), Float32Array.of(0, 1), call, level);
  const [alpha, sigma] = level as unknown as [number, number];
  // The model is told of samples of unit variance, or in flow matching of the mixture itself.
  const scale = type === 'flow_prediction' ? 1 : Math.hypot(alpha, sigma);
  const by = originalSample(type, alpha / scale, sigma / scale);
  return from.sample.map(
    (value, i) => ((by.sample * value) / scale + by.output * from.modelOutput[i]!) / by.divisor,
  );
}

/** What the algorithm takes the model's output for. */
export const predictionTypeOf = (settings: Readonly<Record<string, unknown>>): PredictionType =>
  // Flow matching alone has no choice.
  (settings['prediction_type'] as PredictionType | undefined) ?? 'flow_prediction';
