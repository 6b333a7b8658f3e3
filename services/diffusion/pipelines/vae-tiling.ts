import type { VaeConfig } from '../model-folder/model-configs.ts';
import type { TileSize } from './decode-tiles.ts';
import type { Size } from './picture-size.ts';

/** When a VAE decodes tile by tile. `auto`: where a picture in one would take too much memory. */
export type VaeTiling = 'auto' | 'always' | 'never';

/** How many outputs of the widest layer the runtime holds at once, about; measured, see the decision. */
const LAYERS_HELD = 4;
/** How many matrices of the attention it holds at once, about. */
const SCORES_HELD = 3;

/** What decoding may take where nobody says otherwise, in bytes. */
export const DECODE_BUDGET_BYTES = 8 * 2 ** 30;

/**
 * Memory that decoding a picture in one takes beside the weights, about, in bytes of float32: for the
 * widest layer, which has the picture's full size and the channels of the last block but one, or for the
 * attention of every latent to every other before, whichever is more.
 *
 * @param size in pixels
 */
export function decodeBytes(size: Size, vae: VaeConfig): number {
  const { block_out_channels: widths, mid_block_add_attention: attends } = vae;
  const pixels = size.width * size.height;
  const layers = LAYERS_HELD * pixels * (widths[1] ?? widths[0]!);
  const latents = pixels / 4 ** (widths.length - 1);
  const scores = attends ? SCORES_HELD * latents ** 2 : 0;
  return Math.max(layers, scores) * Float32Array.BYTES_PER_ELEMENT;
}

/**
 * Whether to decode in tiles: the picture's size and the settings decide, and not what memory happens to
 * be free, so that the same request makes the same picture.
 *
 * @param decode.bytes see `decodeBytes`
 */
export function usesTiles(
  tiling: VaeTiling,
  decode: { bytes: number; budgetBytes: number },
): boolean {
  if (tiling === 'auto') return decode.bytes > decode.budgetBytes;
  return tiling === 'always';
}

/** As diffusers: of the size that the VAE was trained on. In multiples of 4 latents, which can overlap. */
export function tileSize({ sample_size, block_out_channels }: VaeConfig): TileSize {
  const factor = 2 ** (block_out_channels.length - 1);
  const side = Array.isArray(sample_size) ? sample_size[0]! : sample_size;
  const latents = Math.max(4, Math.floor(side / factor / 4) * 4);
  return { latents, pixels: latents * factor };
}
