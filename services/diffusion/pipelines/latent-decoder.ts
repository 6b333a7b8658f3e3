import { ModelError } from '../model-error.ts';
import type { VaeConfig } from '../model-folder/model-configs.ts';
import { decodeTiles } from './decode-tiles.ts';
import type { LatentScale } from './latent-scale.ts';
import type { Size } from './picture-size.ts';
import type { SampleDims } from './unet.ts';
import type { VaeHalf } from './vae-half.ts';
import {
  DECODE_BUDGET_BYTES,
  decodeBytes,
  tileSize,
  usesTiles,
  type VaeTiling,
} from './vae-tiling.ts';

export type LatentDecoder = {
  /** Of its latents; undefined where the exporter did not say. */
  readonly channels: number | undefined;
  /** Whether a picture of this size is decoded in tiles. */
  usesTiles(size: Size): boolean;
  /** That decoding such a picture takes beside the weights, by estimate; see `decodeBytes`. */
  bytes(size: Size): number;
  /**
   * Latents [C, H, W] to pixels [3, height, width], mostly in −1 to 1, not clamped.
   *
   * @param signal looked at before each run of the network
   * @throws ModelError where the network gives another size; `signal.reason` when aborted
   */
  decode(
    latents: Float32Array,
    dims: SampleDims,
    size: Size,
    signal?: AbortSignal,
  ): Promise<Float32Array>;
};

export function createLatentDecoder(
  decoder: VaeHalf,
  scale: LatentScale,
  options: { vae: VaeConfig; tiling: VaeTiling },
): LatentDecoder {
  const { vae, tiling } = options;
  const tile = tileSize(vae);

  const inTiles = (size: Size): boolean => {
    const bytes = decodeBytes(size, vae);
    const isLarger = size.width > tile.pixels || size.height > tile.pixels;
    const isWanted = usesTiles(tiling, { bytes, budgetBytes: DECODE_BUDGET_BYTES });
    return isLarger && decoder.takesAnySize && isWanted;
  };

  return {
    channels: decoder.channels,
    usesTiles: inTiles,
    bytes(size) {
      const side = (pixels: number) => (inTiles(size) ? Math.min(pixels, tile.pixels) : pixels);
      return decodeBytes({ width: side(size.width), height: side(size.height) }, vae);
    },
    async decode(latents, [channels, rows, columns], size, signal) {
      const factor = size.height / rows;
      const decodePart = async (part: { y: number; x: number; height: number; width: number }) => {
        const { y, x, height, width } = part;
        signal?.throwIfAborted();
        const pixels = await decoder.run([1, channels, height, width], (values) => {
          for (let i = 0; i < values.length; i++) {
            const channel = Math.floor(i / (height * width));
            const row = y + (Math.floor(i / width) % height);
            const deviation = scale.deviations?.[channel] ?? 1;
            const mean = scale.means?.[channel] ?? 0;
            const latent = latents[(channel * rows + row) * columns + x + (i % width)]!;
            values[i] = (latent * deviation) / scale.factor + mean;
          }
        });
        const whole = { width: width * factor, height: height * factor };
        if (pixels.length === 3 * whole.width * whole.height) return pixels;
        const given = Math.sqrt(pixels.length / 3 / (width * height));
        throw new ModelError(
          `${decoder.file} is not the decoder that its configuration describes`,
          `it gives ${width * given}×${height * given} pixels, where ${whole.width}×${whole.height} are expected`,
          'Write block_out_channels of the VAE into vae_decoder/config.json, or export the model again',
        );
      };
      if (inTiles(size)) return decodeTiles({ height: rows, width: columns }, tile, decodePart);
      return decodePart({ y: 0, x: 0, height: rows, width: columns });
    },
  };
}
