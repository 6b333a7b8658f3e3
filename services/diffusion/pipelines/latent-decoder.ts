import { ModelError } from '../model-error.ts';
import type { LatentScale } from './latent-scale.ts';
import type { SampleDims } from './unet.ts';
import type { VaeHalf } from './vae-half.ts';

export type LatentDecoder = {
  /** Of its latents; undefined where the exporter did not say. */
  readonly channels: number | undefined;
  /**
   * Latents [C, H, W] to pixels [3, height, width], mostly in −1 to 1, not clamped.
   *
   * @throws ModelError where the network gives another size
   */
  decode(
    latents: Float32Array,
    dims: SampleDims,
    size: { width: number; height: number },
  ): Promise<Float32Array>;
};

export function createLatentDecoder(decoder: VaeHalf, scale: LatentScale): LatentDecoder {
  return {
    channels: decoder.channels,
    async decode(latents, dims, { width, height }) {
      const area = dims[1] * dims[2];
      const pixels = await decoder.run([1, ...dims], (values) => {
        for (let channel = 0; channel < dims[0]; channel++) {
          const deviation = scale.deviations?.[channel] ?? 1;
          const mean = scale.means?.[channel] ?? 0;
          for (let i = channel * area; i < (channel + 1) * area; i++) {
            values[i] = (latents[i]! * deviation) / scale.factor + mean;
          }
        }
      });
      if (pixels.length === 3 * width * height) return pixels;
      const factor = Math.sqrt(pixels.length / 3 / area);
      throw new ModelError(
        `${decoder.file} is not the decoder that its configuration describes`,
        `it gives ${dims[2] * factor}×${dims[1] * factor} pixels, where ${width}×${height} are expected`,
        'Write block_out_channels of the VAE into vae_decoder/config.json, or export the model again',
      );
    },
  };
}
