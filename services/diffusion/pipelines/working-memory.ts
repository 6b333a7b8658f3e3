import type { UnetConfig, VaeConfig } from '../model-folder/model-configs.ts';

/** Arrays of the widest level that are there at once, measured with the built-in model. */
const ARRAYS = 8;
/** The matrix of weights of an attention, before and after its softmax. */
const MATRICES = 2;
const FLOAT_BYTES = 4;

/**
 * Bytes that a run of the UNet takes beside its weights, by estimate: most of it is the attention
 * of each latent to each other.
 *
 * @param dims of the latents, in all [samples, height, width]
 */
export function unetWorkingMemory(config: UnetConfig, dims: readonly number[]): number {
  const [samples = 1, height = 1, width = 1] = dims;
  const level = config.down_block_types.findIndex((type) => type.includes('CrossAttn'));
  const heads = [config.num_attention_heads ?? config.attention_head_dim].flat();
  const tokens = (height * width) / 4 ** Math.max(level, 0);
  const matrix = level < 0 ? 0 : (heads[level] ?? heads[0] ?? 8) * tokens ** 2;
  const features = ARRAYS * height * width * config.block_out_channels[0]!;
  return Math.ceil(samples * FLOAT_BYTES * (MATRICES * matrix + features));
}

/** The same of one half of the VAE. @param size of the picture, in pixels */
export function vaeWorkingMemory(
  config: VaeConfig,
  { width, height }: { width: number; height: number },
): number {
  const latents = (width * height) / 4 ** (config.block_out_channels.length - 1);
  const matrix = config.mid_block_add_attention ? latents ** 2 : 0;
  const features = ARRAYS * width * height * config.block_out_channels[0]!;
  return Math.ceil(FLOAT_BYTES * (MATRICES * matrix + features));
}
