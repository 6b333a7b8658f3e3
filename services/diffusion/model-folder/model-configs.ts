import { z } from 'zod';
import { parseSchedulerConfig, type SchedulerConfig } from '../schedulers/scheduler-config.ts';
import type { ModelFolder } from './model-folder.ts';

/** Defaults are those of the classes in diffusers and transformers: an absent key means them. */
const textEncoderConfig = z.object({
  max_position_embeddings: z.int().positive().default(77),
  num_hidden_layers: z.int().positive().default(12),
});
export type TextEncoderConfig = z.infer<typeof textEncoderConfig>;

const unetConfig = z.object({
  in_channels: z.int().positive().optional(),
  /** Every block but the last halves the latents, and doubles them again on the way back. */
  block_out_channels: z.array(z.int()).min(1).default([320, 640, 1280, 1280]),
  /** Width of the embedded guidance scale, for models that were distilled with guidance. */
  time_cond_proj_dim: z.int().positive().nullish(),
  /** Despite its name the number of heads, per level or of all, unless that stands beside it. */
  attention_head_dim: z.union([z.number(), z.array(z.number())]).default(8),
  num_attention_heads: z.union([z.number(), z.array(z.number())]).nullish(),
  down_block_types: z.array(z.string()).default(['CrossAttnDownBlock2D']),
});
export type UnetConfig = z.infer<typeof unetConfig>;

const vaeConfig = z.object({
  scaling_factor: z.number().positive().optional(),
  latent_channels: z.int().positive().optional(),
  /** Per channel. */
  latents_mean: z.array(z.number()).nullish(),
  latents_std: z.array(z.number()).nullish(),
  force_upcast: z.boolean().nullish(),
  mid_block_add_attention: z.boolean().default(true),
  /** Every block but the last halves the picture. */
  block_out_channels: z.array(z.int()).min(1).default([128, 256, 512, 512]),
});
export type VaeConfig = z.infer<typeof vaeConfig>;

export type ModelConfigs = {
  textEncoders: readonly TextEncoderConfig[];
  unet: UnetConfig;
  vae: VaeConfig;
  scheduler: SchedulerConfig;
};

/**
 * @param textEncoders folders of the text encoders
 * @throws ModelError naming the file and the key that cannot be used
 */
export async function readModelConfigs(
  folder: ModelFolder,
  textEncoders: readonly string[],
): Promise<ModelConfigs> {
  /** Exports of the first years have no configuration beside their networks. */
  const read = async <T extends z.ZodType>(file: string, schema: T) =>
    (await folder.has(file)) ? await folder.readJson(file, schema) : schema.parse({});
  const anything = z.record(z.string(), z.unknown());
  // Exporters write the VAE's configuration for each half of it, diffusers for the whole.
  const whole = await read('vae/config.json', anything);
  const half = await read('vae_decoder/config.json', anything);
  const vaeFile = Object.keys(half).length > 0 ? 'vae_decoder/config.json' : 'vae/config.json';
  return {
    textEncoders: await Promise.all(
      textEncoders.map((part) => read(`${part}/config.json`, textEncoderConfig)),
    ),
    unet: await read('unet/config.json', unetConfig),
    vae: folder.check(vaeFile, { ...whole, ...half }, vaeConfig),
    scheduler: parseSchedulerConfig(
      await folder.readJson('scheduler/scheduler_config.json', anything),
    ),
  };
}
