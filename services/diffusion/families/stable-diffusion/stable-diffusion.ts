import { mainOutput } from '../../onnx/network.ts';
import { promptFields } from '../../pipelines/conditioning.ts';
import { chunksOf } from '../../pipelines/prompt-chunks.ts';
import { createTextEncoder } from '../../pipelines/text-encoder.ts';
import type { Family } from '../family.ts';
import {
  checkTextWidth,
  guidanceInputNames,
  guidanceInputs,
  takesTwoSamples,
} from '../guidance.ts';

/** Stable Diffusion 1 and 2, SD-Turbo, and what was trained further from them. */
export const stableDiffusion: Family = {
  classNames: [
    'StableDiffusionPipeline',
    'StableDiffusionImg2ImgPipeline',
    'StableDiffusionInpaintPipeline',
    'StableDiffusionInpaintPipelineLegacy',
  ],
  textEncoders: [{ tokenizer: 'tokenizer', encoder: 'text_encoder' }],
  scalingFactor: 0.18215,
  // Fitted by ComfyUI's authors: SD15 in its comfy/latent_formats.py.
  latentRgb: {
    factors: [
      [0.3512, 0.2297, 0.3227],
      [0.325, 0.4974, 0.235],
      [-0.2829, 0.1762, 0.2721],
      [-0.212, -0.2616, -0.7177],
    ],
    bias: [0, 0, 0],
  },
  normalizesLatents: false,
  upcastsVae: false,
  strength: { 'image-to-image': 0.8, inpainting: 1 },
  spreadsSteps: () => false,
  // Latents are not bounded by 1, and these models count timesteps from 1.
  schedulerSettings: (task) => ({
    steps_offset: 1,
    ...(task === 'inpainting' ? { skip_prk_steps: true } : { clip_sample: false }),
  }),
  unetInputs: (config) => ['encoder_hidden_states', ...guidanceInputNames(config)],
  createConditioner(parts) {
    const { configs, unet, tokenizers, textEncoders } = parts;
    const [tokenizer, network] = [tokenizers[0]!, textEncoders[0]!];
    const output = mainOutput(network, 'last_hidden_state');
    checkTextWidth(unet, textEncoders, [output]);
    const encode = createTextEncoder(tokenizer, network, [output]);
    return {
      fields: ({ guidanceScale }) => promptFields(takesTwoSamples(configs.unet, guidanceScale)),
      async condition(request) {
        const { guidanceScale } = request;
        const isGuided = takesTwoSamples(configs.unet, guidanceScale);
        const prompts = promptFields(isGuided).map((field) => request[field]);
        const [states] = await encode(prompts, chunksOf(request, prompts, parts));
        return {
          guidanceScale: isGuided ? guidanceScale : undefined,
          inputs: {
            encoder_hidden_states: states!,
            ...guidanceInputs(configs.unet, guidanceScale),
          },
        };
      },
    };
  },
};
