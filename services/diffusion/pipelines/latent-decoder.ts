import { axisOf, inputsByName, mainOutput, type Network } from '../onnx/network.ts';
import type { Tensor } from '../onnx/runtime.ts';
import { createFloatTensor, readFloats } from '../onnx/tensors.ts';
import type { LatentScale } from './latent-scale.ts';
import type { SampleDims } from './unet.ts';

export type LatentDecoder = {
  /** Of its latents; undefined where the exporter did not say. */
  readonly channels: number | undefined;
  /** Latents [C, H, W] to pixels [3, H·factor, W·factor], mostly in −1 to 1, not clamped. */
  decode(latents: Float32Array, dims: SampleDims): Promise<Float32Array>;
};

/**
 * One picture a run: large batches are slow to decode, and in float16 they go wrong.
 *
 * @throws ModelError where the network is no VAE decoder
 */
export function createLatentDecoder(network: Network, scale: LatentScale): LatentDecoder {
  const { latent_sample } = inputsByName(network, ['latent_sample']);
  const output = mainOutput(network, 'sample');
  return {
    channels: axisOf(latent_sample, 1),
    async decode(latents, dims) {
      const input = createFloatTensor(latent_sample, [1, ...dims]);
      const area = dims[1] * dims[2];
      for (let channel = 0; channel < dims[0]; channel++) {
        const deviation = scale.deviations?.[channel] ?? 1;
        const mean = scale.means?.[channel] ?? 0;
        for (let i = channel * area; i < (channel + 1) * area; i++) {
          input.values[i] = (latents[i]! * deviation) / scale.factor + mean;
        }
      }
      input.push();
      const outputs = await network.session.run({ latent_sample: input.tensor }, [output.name]);
      return readFloats(outputs[output.name] as Tensor);
    },
  };
}
