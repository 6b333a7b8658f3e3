import type { ConditioningInput } from '../../pipelines/conditioning.ts';

/** [samples, tokens, a] and [samples, tokens, b] to [samples, tokens, a + b]. */
export function joinWidths(a: ConditioningInput, b: ConditioningInput): ConditioningInput {
  const [samples, tokens, left] = a.dims as [number, number, number];
  const right = b.dims[2]!;
  const width = left + right;
  const values = new Float32Array(samples * tokens * width);
  for (let row = 0; row < samples * tokens; row++) {
    values.set(a.values.subarray(row * left, (row + 1) * left), row * width);
    values.set(b.values.subarray(row * right, (row + 1) * right), row * width + left);
  }
  return { values, dims: [samples, tokens, width] };
}

/** [1, …] to [2, …]: the embedding of no prompt, in front of the prompt's. */
export function withZerosInFront({ values, dims }: ConditioningInput): ConditioningInput {
  const both = new Float32Array(2 * values.length);
  both.set(values, values.length);
  return { values: both, dims: [2, ...dims.slice(1)] };
}
