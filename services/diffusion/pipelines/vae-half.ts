import {
  axisOf,
  inputsByName,
  mainOutput,
  type Network,
  type TensorMetadata,
} from '../onnx/network.ts';
import type { Tensor } from '../onnx/runtime.ts';
import type { LazyNetwork } from '../onnx/sessions.ts';
import { createFloatTensor, readFloats } from '../onnx/tensors.ts';
import { allFinite, checkFinite } from './finite.ts';

/** Encoder or decoder of a VAE. */
export type VaeHalf = {
  /** Within the model's folder, for messages. */
  readonly file: string;
  /** Of what it takes; undefined where the exporter did not say. */
  readonly channels: number | undefined;
  /** Whether the exporter left height and width of what it takes open. */
  readonly takesAnySize: boolean;
  /** Its name for what it gives. */
  readonly output: string;
  /**
   * One picture a run: large batches are slow, and in float16 they go wrong.
   *
   * @throws ModelError where what it gives is not finite, in float32 either
   * @param dims of the input, [1, C, H, W]
   * @param fill writes the input's values, row-major
   */
  run(dims: readonly number[], fill: (values: Float32Array) => void): Promise<Float32Array>;
};

export type VaeHalfOptions = {
  /** The name of its input. */
  input: 'sample' | 'latent_sample';
  /** What its output is called, unless the exporter chose another name. */
  output: string;
  /** The same network in float32; undefined where it is that already. */
  float32: LazyNetwork<Network | undefined>;
  /** Whether to run it in float32 from the start. */
  upcasts: boolean;
};

/**
 * Values of a float16 VAE can leave float16's range, which ends at 65,504. What comes out then is
 * computed once more in float32.
 *
 * @throws ModelError where the network has another input
 */
export function createVaeHalf(network: Network, options: VaeHalfOptions): VaeHalf {
  const { input, float32, upcasts } = options;
  const metadata = inputsByName(network, [input])[input];
  const output = mainOutput(network, options.output).name;

  async function runOn(
    { session }: Network,
    taken: TensorMetadata,
    dims: readonly number[],
    fill: (values: Float32Array) => void,
  ): Promise<Float32Array> {
    const tensor = createFloatTensor(taken, dims);
    fill(tensor.values);
    tensor.push();
    const outputs = await session.run({ [input]: tensor.tensor }, [output]);
    return readFloats(outputs[output] as Tensor);
  }

  return {
    file: network.file,
    channels: axisOf(metadata, 1),
    takesAnySize: axisOf(metadata, 2) === undefined && axisOf(metadata, 3) === undefined,
    output,
    async run(dims, fill) {
      if (!upcasts) {
        const values = await runOn(network, metadata, dims, fill);
        if (allFinite(values)) return values;
      }
      const wide = (await float32.load()) ?? network;
      const values = await runOn(wide, inputsByName(wide, [input])[input], dims, fill);
      checkFinite(values, `in what ${network.file} gives`);
      return values;
    },
  };
}
