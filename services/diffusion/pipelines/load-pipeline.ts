import { join } from 'node:path';
import { openModel } from '../families/open-model.ts';
import { readModelConfigs } from '../model-folder/model-configs.ts';
import type { ModelFolder } from '../model-folder/model-folder.ts';
import { fusesAttention } from '../onnx/fused-attention.ts';
import { checkRoom, holding } from '../onnx/model-memory.ts';
import { checkOnnxFile } from '../onnx/onnx-file.ts';
import { refuseWrongConv } from '../onnx/provider-trouble.ts';
import {
  lazyNetwork,
  loadFloat32Network,
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
import type { Size } from './picture-size.ts';
import type { Pipeline } from './pipeline.ts';
import { createUnet } from './unet.ts';
import { createVaeHalf } from './vae-half.ts';
import type { VaeTiling } from './vae-tiling.ts';
import { unetWorkingMemory } from './working-memory.ts';

export type PipelineOptions = SessionOptions & {
  /** @default 'auto' */
  vaeTiling?: VaeTiling | undefined;
};

/**
 * Loads a folder in the Hugging Face ONNX layout, of any family that is built in.
 *
 * @throws ModelError where the folder is incomplete, damaged, of an unknown family or not for these
 *   providers, or where its parts do not fit each other
 */
export async function loadPipeline(
  path: string,
  { vaeTiling = 'auto', ...options }: PipelineOptions,
): Promise<Pipeline> {
  const { folder, index, family } = await openModel(path);
  const encoders = family.textEncoders.map(({ encoder }) => encoder);
  const configs = await readModelConfigs(folder, encoders);
  const tokenizers = await Promise.all(
    family.textEncoders.map(({ tokenizer }, i) =>
      loadClipTokenizer(folder, configs.textEncoders[i]!.max_position_embeddings, tokenizer),
    ),
  );
  await checkNetworks(folder, [...encoders, 'unet', 'vae_decoder', 'vae_encoder']);
  const networks = await loadNetworks(path, [...encoders, 'unet', 'vae_decoder'], options);
  try {
    const unet = createUnet(networks.unet!, family.unetInputs(configs.unet));
    refuseWrongConv(`${path}/unet/model.onnx`, unet.takes[0], options.executionProviders);
    const textEncoders = encoders.map((part) => networks[part]!);
    const parts = { index, configs, tokenizers, textEncoders, unet: networks.unet! };
    const conditioner = family.createConditioner(parts);
    const scale = latentScale(family, configs.vae);
    const upcasts = family.upcastsVae && configs.vae.force_upcast === true;
    const wideDecoder = lazyNetwork(() => loadFloat32Network(path, 'vae_decoder', options));
    const decoder = createLatentDecoder(
      createVaeHalf(networks.vae_decoder!, {
        input: 'latent_sample',
        output: 'sample',
        float32: wideDecoder,
        upcasts,
      }),
      scale,
      { vae: configs.vae, tiling: vaeTiling },
    );
    const shape = modelShape(configs, unet, decoder);
    const isFused = fusesAttention(options.executionProviders) && unet.type === 'float32';
    const unetBytes = (samples: number, size: Size) => {
      const sides = [size.height, size.width].map((side) => side / shape.vaeScaleFactor);
      return unetWorkingMemory(configs.unet, [samples, ...sides], isFused);
    };
    const encoder = lazyNetwork(() => loadNetwork(path, 'vae_encoder', options));
    const wideEncoder = lazyNetwork(() => loadFloat32Network(path, 'vae_encoder', options));
    return createPipeline({
      family,
      configs,
      tokenizers,
      conditioner,
      unet,
      decoder,
      async encoder(task) {
        const by = task === 'inpainting' ? withoutMoments(scale) : scale;
        const half = createVaeHalf(await encoder.load(), {
          input: 'sample',
          output: 'latent_parameters',
          float32: wideEncoder,
          upcasts,
        });
        return createLatentEncoder(half, by, shape.vaeScaleFactor);
      },
      ...shape,
      checkRoom(samples, size) {
        checkRoom(networks.unet!.session, unetBytes(samples, size));
        checkRoom(networks.vae_decoder!.session, decoder.bytes(size));
      },
      holdUnet: (samples, size, task) =>
        holding(networks.unet!.session, unetBytes(samples, size), task),
      holdDecoder: (size, task) =>
        holding(networks.vae_decoder!.session, decoder.bytes(size), task),
      async release() {
        for (const lazy of [encoder, wideDecoder, wideEncoder]) await lazy.release();
        await releaseNetworks(networks);
      },
    });
  } catch (error) {
    await releaseNetworks(networks);
    throw error;
  }
}

/** Before the runtime says it in its own words. */
async function checkNetworks(folder: ModelFolder, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    const file = `${part}/model.onnx`;
    if (await folder.has(file)) await checkOnnxFile(join(folder.path, file));
  }
}
