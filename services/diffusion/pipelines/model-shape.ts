import { ModelError } from '../model-error.ts';
import type { ModelConfigs } from '../model-folder/model-configs.ts';
import type { LatentDecoder } from './latent-decoder.ts';
import type { PictureSizes } from './picture-size.ts';
import type { Unet } from './unet.ts';

/** How the parts of a model fit each other. */
export type ModelShape = {
  latentChannels: number;
  /** Whether the UNet takes latents, a mask and a masked picture's latents: inpainting models. */
  isInpainting: boolean;
  /** Pixels a side for one latent. */
  vaeScaleFactor: number;
  sizes: PictureSizes;
};

/**
 * What the networks say themselves counts before what their configurations say.
 *
 * @throws ModelError where the parts are of different models, or of one of another kind
 */
export function modelShape(
  { vae, unet: config }: ModelConfigs,
  unet: Unet,
  decoder: LatentDecoder,
): ModelShape {
  const [channels, height, width] = unet.takes;
  if (channels !== undefined && channels !== (config.in_channels ?? channels)) {
    throw new ModelError(
      'unet/model.onnx is not the network of unet/config.json',
      `it takes ${channels} channels, where in_channels is ${config.in_channels}`,
      'Take both from the same export',
    );
  }
  const taken = channels ?? config.in_channels;
  const latentChannels = decoder.channels ?? vae.latent_channels ?? unet.gives ?? taken ?? 4;
  if (unet.gives !== undefined && unet.gives !== latentChannels) {
    throw new ModelError(
      'unet/model.onnx and vae_decoder/model.onnx do not fit each other',
      `the one gives ${unet.gives} channels, the other takes ${latentChannels}`,
      'Take both from the same model',
    );
  }
  for (const key of ['latents_mean', 'latents_std'] as const) {
    const count = vae[key]?.length ?? latentChannels;
    if (count === latentChannels) continue;
    throw new ModelError(
      'The configuration of the VAE is not that of vae_decoder/model.onnx',
      `its ${key} has ${count} values, where the latents have ${latentChannels} channels`,
      'Take both from the same export',
    );
  }
  const masked = 2 * latentChannels + 1;
  if (taken !== undefined && taken !== latentChannels && taken !== masked) {
    throw new ModelError(
      'unet/model.onnx is of a kind that is not built in',
      `it takes ${taken} channels, where one for pictures takes ${latentChannels} and one for inpainting ${masked}`,
      'Use a model for text-to-image or inpainting; those for depth, upscaling or editing by instruction take other inputs',
    );
  }

  const vaeScaleFactor = 2 ** (vae.block_out_channels.length - 1);
  // The UNet halves the latents in every block but the last. diffusers pads where a side is odd; its
  // exporters trace the other branch, and the halves no longer meet.
  const multipleOf = vaeScaleFactor * 2 ** (config.block_out_channels.length - 1);
  const pixels = (latents: number | undefined) =>
    latents === undefined ? undefined : latents * vaeScaleFactor;
  const sizes = { multipleOf, fixed: { width: pixels(width), height: pixels(height) } };
  return { latentChannels, isInpainting: taken === masked, vaeScaleFactor, sizes };
}
