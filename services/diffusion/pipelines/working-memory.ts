import type { UnetConfig } from '../model-folder/model-configs.ts';

/** Arrays of the widest level that are there at once, measured with the built-in model. */
const ARRAYS = 12;
/** The matrix of weights of an attention, before and after its softmax, where the two are not fused. */
const MATRICES = 2;
const FLOAT_BYTES = 4;

/**
 * Bytes that a run of the UNet takes beside its weights, by estimate: most of it is the attention
 * of each latent to each other, unless that is fused (docs/decisions/fused-attention.md).
 *
 * @param dims of the latents, in all [samples, height, width]
 */
export function unetWorkingMemory(
  config: UnetConfig,
  dims: readonly number[],
  isFused: boolean,
): number {
  const [samples = 1, height = 1, width = 1] = dims;
  const level = config.down_block_types.findIndex((type) => type.includes('CrossAttn'));
  const heads = [config.num_attention_heads ?? config.attention_head_dim].flat();
  const tokens = (height * width) / 4 ** Math.max(level, 0);
  const matrix = level < 0 || isFused ? 0 : (heads[level] ?? heads[0] ?? 8) * tokens ** 2;
  const features = ARRAYS * height * width * config.block_out_channels[0]!;
  return Math.ceil(samples * FLOAT_BYTES * (MATRICES * matrix + features));
}
