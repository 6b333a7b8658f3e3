import { openModel } from '../families/open-model.ts';
import { readModelConfigs } from '../model-folder/model-configs.ts';
import {
  lazyNetwork,
  loadNetwork,
  loadNetworks,
  releaseNetworks,
  type SessionOptions,
} from '../onnx/sessions.ts';
import { loadClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import { createPipeline } from './create-pipeline.ts';
import { createLatentDecoder } from './latent-decoder.ts';
import { createLatentEncoder } from './latent-encoder.ts';
import { latentScale, withoutMoments } from './latent-scale.ts';
import { modelShape } from './model-shape.ts';
import type { Pipeline } from './pipeline.ts';
import { createUnet } from './unet.ts';

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
    const scale = latentScale(family, configs.vae);
    const decoder = createLatentDecoder(networks.vae_decoder!, scale);
    const shape = modelShape(configs, unet, decoder);
    const encoder = lazyNetwork(() => loadNetwork(path, 'vae_encoder', options));
    return createPipeline({
      family,
      configs,
      tokenizers,
      conditioner,
      unet,
      decoder,
      async encoder(task) {
        const by = task === 'inpainting' ? withoutMoments(scale) : scale;
        return createLatentEncoder(await encoder.load(), by, shape.vaeScaleFactor);
      },
      ...shape,
      async release() {
        await encoder.release();
        await releaseNetworks(networks);
      },
    });
  } catch (error) {
    await releaseNetworks(networks);
    throw error;
  }
}
