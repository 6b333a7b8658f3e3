import { openModel } from '../families/open-model.ts';
import { type ModelConfigs, readModelConfigs } from '../model-folder/model-configs.ts';
import { loadNetworks, releaseNetworks, type SessionOptions } from '../onnx/sessions.ts';
import { loadClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import { createPipeline } from './create-pipeline.ts';
import { createLatentDecoder, type LatentDecoder } from './latent-decoder.ts';
import { latentScale } from './latent-scale.ts';
import type { Pipeline } from './pipeline.ts';
import { createUnet, type Unet } from './unet.ts';

/**
 * Loads a folder in the Hugging Face ONNX layout, of any family that is built in.
 *
 * @throws ModelError where the folder is incomplete, damaged, of an unknown family or not for these
 *   providers, or where its parts do not fit each other
 */
export async function loadPipeline(path: string, options: SessionOptions): Promise<Pipeline> {
  const { folder, index, family } = await openModel(path);
  const encoders = family.textEncoders.map(({ encoder }) => encoder);
  const configs = await readModelConfigs(folder, encoders);
  const tokenizers = await Promise.all(
    family.textEncoders.map(({ tokenizer }, i) =>
      loadClipTokenizer(folder, configs.textEncoders[i]!.max_position_embeddings, tokenizer),
    ),
  );
  const networks = await loadNetworks(path, [...encoders, 'unet', 'vae_decoder'], options);
  try {
    const textEncoders = encoders.map((part) => networks[part]!);
    const parts = { index, configs, tokenizers, textEncoders, unet: networks.unet! };
    const conditioner = family.createConditioner(parts);
    const unet = createUnet(networks.unet!, conditioner.inputNames);
    const decoder = createLatentDecoder(networks.vae_decoder!, latentScale(family, configs.vae));
    return createPipeline({
      family,
      configs,
      tokenizers,
      conditioner,
      unet,
      decoder,
      ...dimensions(configs, unet, decoder),
      release: () => releaseNetworks(networks),
    });
  } catch (error) {
    await releaseNetworks(networks);
    throw error;
  }
}

function dimensions({ vae, unet: config }: ModelConfigs, unet: Unet, decoder: LatentDecoder) {
  const [channels, height, width] = unet.takes;
  const latentChannels = decoder.channels ?? vae.latent_channels ?? channels ?? 4;
  const vaeScaleFactor = 2 ** (vae.block_out_channels.length - 1);
  // The UNet halves the latents in every block but the last. diffusers pads where a side is odd; its
  // exporters trace the other branch, and the halves no longer meet.
  const multipleOf = vaeScaleFactor * 2 ** (config.block_out_channels.length - 1);
  const pixels = (latents: number | undefined) =>
    latents === undefined ? undefined : latents * vaeScaleFactor;
  const sizes = { multipleOf, fixed: { width: pixels(width), height: pixels(height) } };
  return { latentChannels, vaeScaleFactor, sizes };
}
