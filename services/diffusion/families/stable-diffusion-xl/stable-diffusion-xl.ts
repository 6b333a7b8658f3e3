import { ModelError } from '../../model-error.ts';
import { outputNamed } from '../../onnx/network.ts';
import { type ConditioningInput, promptFields } from '../../pipelines/conditioning.ts';
import { chunksOf } from '../../pipelines/prompt-chunks.ts';
import { createTextEncoder } from '../../pipelines/text-encoder.ts';
import type { Family } from '../family.ts';
import {
  checkTextWidth,
  guidanceInputNames,
  guidanceInputs,
  takesTwoSamples,
} from '../guidance.ts';
import { joinWidths, withZerosInFront } from './embeddings.ts';

/** Stable Diffusion XL, SDXL-Turbo, and what was trained further from them; not the refiner. */
export const stableDiffusionXl: Family = {
  classNames: [
    'StableDiffusionXLPipeline',
    'StableDiffusionXLImg2ImgPipeline',
    'StableDiffusionXLInpaintPipeline',
  ],
  textEncoders: [
    { tokenizer: 'tokenizer', encoder: 'text_encoder' },
    { tokenizer: 'tokenizer_2', encoder: 'text_encoder_2' },
  ],
  scalingFactor: 0.13025,
  // Fitted by ComfyUI's authors: SDXL in its comfy/latent_formats.py.
  latentRgb: {
    factors: [
      [0.3651, 0.4232, 0.4341],
      [-0.2533, -0.0042, 0.1068],
      [0.1076, 0.1111, -0.0362],
      [-0.3165, -0.2492, -0.2188],
    ],
    bias: [0.1084, -0.0175, -0.0011],
  },
  normalizesLatents: true,
  upcastsVae: true,
  strength: { 'image-to-image': 0.3, inpainting: 0.9999 },
  spreadsSteps: () => false,
  schedulerSettings: () => ({}),
  unetInputs: (config) => [
    'encoder_hidden_states',
    'text_embeds',
    'time_ids',
    ...guidanceInputNames(config),
  ],
  createConditioner(parts) {
    const { index, configs, unet, tokenizers, textEncoders } = parts;
    if (index.requires_aesthetics_score === true) {
      throw new ModelError(
        'The model cannot be run',
        'it is a refiner (requires_aesthetics_score in model_index.json), and those are not built in',
        'Use the base model',
      );
    }
    // Of both, the last hidden state but one, before the final norm.
    const [first, second] = textEncoders.map((network, i) =>
      outputNamed(network, `hidden_states.${configs.textEncoders[i]!.num_hidden_layers - 1}`),
    );
    const pooled = outputNamed(textEncoders[1]!, 'text_embeds');
    checkTextWidth(unet, textEncoders, [first!, second!]);
    const encodeFirst = createTextEncoder(tokenizers[0]!, textEncoders[0]!, [first!]);
    const encodeSecond = createTextEncoder(tokenizers[1]!, textEncoders[1]!, [second!, pooled]);
    const zerosForNone = index.force_zeros_for_empty_prompt ?? true;

    return {
      fields: ({ guidanceScale }) => promptFields(takesTwoSamples(configs.unet, guidanceScale)),
      async condition(request) {
        const { guidanceScale, width, height } = request;
        const isGuided = takesTwoSamples(configs.unet, guidanceScale);
        const isZero = isGuided && zerosForNone && request.negativePrompt === '';
        const prompts = promptFields(isGuided && !isZero).map((field) => request[field]);
        const chunks = chunksOf(request, prompts, parts);
        const [states] = await encodeFirst(prompts, chunks);
        const [states2, embeds] = await encodeSecond(prompts, chunks);
        const whole = (input: ConditioningInput) => (isZero ? withZerosInFront(input) : input);
        const samples = isGuided ? 2 : 1;
        // Size of the original, its cut's corner, size of the picture: each height, then width.
        const times = [height, width, 0, 0, height, width];
        return {
          guidanceScale: isGuided ? guidanceScale : undefined,
          inputs: {
            encoder_hidden_states: whole(joinWidths(states!, states2!)),
            text_embeds: whole(embeds!),
            time_ids: {
              values: Float32Array.from({ length: samples * 6 }, (_, i) => times[i % 6]!),
              dims: [samples, 6],
            },
            ...guidanceInputs(configs.unet, guidanceScale),
          },
        };
      },
    };
  },
};
