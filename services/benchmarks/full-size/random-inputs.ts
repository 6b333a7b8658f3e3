import { Tensor } from '@darkroom/diffusion';
import { createRandom } from '@darkroom/testing';

type Metadata = readonly (
  | { name: string; isTensor: true; type: string; shape: readonly (number | string)[] }
  | { name: string; isTensor: false }
)[];

const TOKENS = 77;
const VOCABULARY = 49_408;
const TIMESTEP = 500;

/** Random inputs of a network, the same at every call; `height` and `width` of its pictures or latents. */
export function randomInputs(
  inputs: Metadata,
  size: { batch: number; height: number; width: number },
): Record<string, Tensor> {
  const sizes: Record<string, number> = { ...size, tokens: TOKENS };
  const random = createRandom(1, 'inputs');
  // As varied as a normal distribution's values.
  const value = () => Math.sqrt(12) * (random.next() - 0.5);
  const tensors = inputs.map((input): [string, Tensor] => {
    if (!input.isTensor) throw new Error(`${input.name} is no tensor`);
    const dims = input.shape.map((axis) => (typeof axis === 'number' ? axis : sizes[axis]!));
    const length = dims.reduce((product, dim) => product * dim, 1);
    if (input.type === 'float32') {
      return [input.name, new Tensor('float32', Float32Array.from({ length }, value), dims)];
    }
    const whole = input.name === 'timestep' ? () => TIMESTEP : () => random.next() * VOCABULARY;
    const values = BigInt64Array.from({ length }, () => BigInt(Math.floor(whole())));
    return [input.name, new Tensor('int64', values, dims)];
  });
  return Object.fromEntries(tensors);
}
