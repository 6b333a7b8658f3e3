import { ModelError } from '../model-error.ts';

export function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Number.isFinite(sum);
}

/** @throws ModelError where there is NaN or infinity among the values */
export function checkFinite(values: Float32Array, where: string): void {
  if (allFinite(values)) return;
  throw new ModelError(
    'The model gave values that are not numbers',
    `NaN or infinity ${where}`,
    'Use a float32 export of the model, a lower guidance scale, or a scheduler that fits its prediction type',
  );
}
