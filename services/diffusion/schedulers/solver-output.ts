import type { Mixture } from './add-noise.ts';
import { boundOriginals } from './original-bounds.ts';
import { noiseInSample, originalSample, type PredictionType, predict } from './prediction.ts';

const f32 = Math.fround;

type Settings = Parameters<typeof boundOriginals>[1] & { prediction_type: PredictionType };

/** Writes x₀ as the model predicts it into `out`, within the settings' bounds. */
export function convertToOriginal(
  settings: Settings,
  level: Mixture,
  { modelOutput, sample }: { modelOutput: Float32Array; sample: Float32Array },
  out: Float32Array,
): void {
  const by = originalSample(settings.prediction_type, level.alpha, level.sigma);
  for (let i = 0; i < out.length; i++) out[i] = predict(by, sample[i]!, modelOutput[i]!);
  boundOriginals(out, settings);
}

/** Writes the noise as the model predicts it into `out`; with thresholding, what follows from x₀. */
export function convertToNoise(
  settings: Settings,
  level: Mixture,
  { modelOutput, sample }: { modelOutput: Float32Array; sample: Float32Array },
  out: Float32Array,
): void {
  const by = noiseInSample(settings.prediction_type, level.alpha, level.sigma);
  for (let i = 0; i < out.length; i++) out[i] = predict(by, sample[i]!, modelOutput[i]!);
  if (!settings.thresholding) return;
  const toOriginal = originalSample('epsilon', level.alpha, level.sigma);
  for (let i = 0; i < out.length; i++) out[i] = predict(toOriginal, sample[i]!, out[i]!);
  boundOriginals(out, settings);
  noiseFromOriginal(level, sample, out);
}

/** Turns predicted x₀ into the noise that leads from it to the sample, in place. */
export function noiseFromOriginal(
  level: Mixture,
  sample: Float32Array,
  values: Float32Array,
): void {
  for (let i = 0; i < values.length; i++) {
    values[i] = f32(sample[i]! - f32(level.alpha * values[i]!)) / level.sigma;
  }
}
