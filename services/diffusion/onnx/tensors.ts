/// <reference lib="es2025.float16" />
import { ModelError } from '../model-error.ts';
import type { TensorMetadata } from './network.ts';
import { Tensor } from './runtime.ts';

/** A tensor that is used again and again, seen as float32 whatever the network's own type. */
export type FloatTensor = {
  readonly tensor: Tensor;
  /** Row-major. For float32 networks the tensor's own memory. */
  readonly values: Float32Array;
  /** Call after writing `values`, before a run reads the tensor. */
  push(): void;
  /** Call after a run wrote the tensor, before reading `values`. */
  pull(): void;
};

/** @throws ModelError for networks of other types than float32 and float16 */
export function createFloatTensor(metadata: TensorMetadata, dims: readonly number[]): FloatTensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  switch (metadata.type) {
    case 'float32': {
      const values = new Float32Array(size);
      return { tensor: new Tensor('float32', values, dims), values, push() {}, pull() {} };
    }
    case 'float16': {
      const bits = new Uint16Array(size);
      const halves = new Float16Array(bits.buffer);
      const values = new Float32Array(size);
      return {
        tensor: new Tensor('float16', bits, dims),
        values,
        push: () => halves.set(values),
        pull: () => values.set(halves),
      };
    }
    default:
      throw unsupportedType(metadata);
  }
}

/** The values of an output as float32; no copy where they are float32 already. */
export function readFloats(tensor: Tensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  if (tensor.data instanceof Uint16Array) {
    const { buffer, byteOffset, length } = tensor.data;
    return Float32Array.from(new Float16Array(buffer, byteOffset, length));
  }
  throw unsupportedType({ name: 'an output', type: tensor.type });
}

/**
 * A tensor of the network's own type; fractions are cut off for whole-number types. No copy where
 * the values are float32 and so is the network.
 */
export function createTensor(
  metadata: TensorMetadata,
  dims: readonly number[],
  values: readonly number[] | Float32Array,
): Tensor {
  switch (metadata.type) {
    case 'float32': {
      const floats = values instanceof Float32Array ? values : Float32Array.from(values);
      return new Tensor('float32', floats, dims);
    }
    case 'float64':
      return new Tensor('float64', Float64Array.from(values), dims);
    case 'float16':
      return new Tensor('float16', new Uint16Array(Float16Array.from(values).buffer), dims);
    case 'int32':
      return new Tensor('int32', Int32Array.from(values, Math.trunc), dims);
    case 'int64':
      return new Tensor(
        'int64',
        BigInt64Array.from([...values], (v) => BigInt(Math.trunc(v))),
        dims,
      );
    default:
      throw unsupportedType(metadata);
  }
}

const unsupportedType = ({ name, type }: Pick<TensorMetadata, 'name' | 'type'>) =>
  new ModelError(
    `The network's tensor ${name} cannot be used`,
    `its type is ${type}`,
    'Export the model in float32 or float16',
  );
