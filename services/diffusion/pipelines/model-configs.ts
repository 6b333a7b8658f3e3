import { z } from 'zod';
import type { ModelFolder } from '../model-folder/model-folder.ts';
import { parseSchedulerConfig, type SchedulerConfig } from '../schedulers/scheduler-config.ts';

const textEncoderConfig = z.object({ max_position_embeddings: z.int().positive().default(77) });

const unetConfig = z.object({ in_channels: z.int().positive() });

const vaeConfig = z.object({
  scaling_factor: z.number().positive().default(0.18215),
  shift_factor: z.number().nullish(),
  /** Per channel. */
  latents_mean: z.array(z.number()).nullish(),
  latents_std: z.array(z.number()).nullish(),
  /** Every block but the last halves the picture. */
  block_out_channels: z.array(z.int()).min(1),
});
export type VaeConfig = z.infer<typeof vaeConfig>;

export type ModelConfigs = {
  maxPositions: number;
  latentChannels: number;
  /** Pixels a side for one latent. */
  vaeScaleFactor: number;
  vae: VaeConfig;
  scheduler: SchedulerConfig;
};

/** @throws ModelError naming the file and the key that cannot be used */
export async function readModelConfigs(folder: ModelFolder): Promise<ModelConfigs> {
  const textEncoder = await folder.readJson('text_encoder/config.json', textEncoderConfig);
  const unet = await folder.readJson('unet/config.json', unetConfig);
  const vae = await folder.readJson('vae_decoder/config.json', vaeConfig);
  const scheduler = await folder.readJson(
    'scheduler/scheduler_config.json',
    z.record(z.string(), z.unknown()),
  );
  return {
    maxPositions: textEncoder.max_position_embeddings,
    latentChannels: unet.in_channels,
    vaeScaleFactor: 2 ** (vae.block_out_channels.length - 1),
    vae,
    // diffusers' StableDiffusionPipeline sets these two whatever the file says: latents are not
    // bounded by 1, and these models count timesteps from 1.
    scheduler: { ...parseSchedulerConfig(scheduler), clip_sample: false, steps_offset: 1 },
  };
}
