import type { InferenceSession, Tensor } from '../onnx/runtime.ts';
import { createFloatTensor, inputsByName, outputNamed, readFloats } from '../onnx/tensors.ts';
import type { VaeConfig } from './model-configs.ts';

/** Latents [1, C, H, W] to pixels [3, H·factor, W·factor], mostly in −1 to 1, not clamped. */
export type LatentDecoder = (
  latents: Float32Array,
  dims: readonly [1, number, number, number],
) => Promise<Float32Array>;

/** One picture a run: large batches are slow to decode, and in float16 they go wrong. */
export function createLatentDecoder(session: InferenceSession, config: VaeConfig): LatentDecoder {
  const { latent_sample } = inputsByName('VAE decoder', session, ['latent_sample']);
  const output = outputNamed(session, 'sample');
  const { scaling_factor: scale, latents_mean: means, latents_std: deviations } = config;
  return async (latents, dims) => {
    const input = createFloatTensor(latent_sample, dims);
    const area = dims[2] * dims[3];
    for (let channel = 0; channel < dims[1]; channel++) {
      const deviation = deviations?.[channel] ?? 1;
      const shift = (means?.[channel] ?? 0) + (config.shift_factor ?? 0);
      for (let i = channel * area; i < (channel + 1) * area; i++) {
        input.values[i] = (latents[i]! * deviation) / scale + shift;
      }
    }
    input.push();
    const outputs = await session.run({ latent_sample: input.tensor }, [output.name]);
    return readFloats(outputs[output.name] as Tensor);
  };
}
