import { ModelError } from '../../model-error.ts';
import type { Family } from '../family.ts';
import { isDistilled } from '../guidance.ts';
import { stableDiffusion } from '../stable-diffusion/stable-diffusion.ts';

/** Latent consistency models, https://arxiv.org/abs/2310.04378, distilled with guidance. */
export const latentConsistency: Family = {
  ...stableDiffusion,
  classNames: ['LatentConsistencyModelPipeline', 'LatentConsistencyModelImg2ImgPipeline'],
  // Its pipeline for image-to-image hands the strength to the scheduler; there is none for inpainting.
  spreadsSteps: (task) => task === 'image-to-image',
  schedulerSettings: () => ({}),
  unetInputs: () => ['encoder_hidden_states', 'timestep_cond'],
  createConditioner(parts) {
    if (!isDistilled(parts.configs.unet)) {
      throw new ModelError(
        'unet/config.json is not that of a latent consistency model',
        'it has no time_cond_proj_dim, the width of the embedded guidance scale',
        'Write the folder again in whole, or name the pipeline StableDiffusionPipeline in model_index.json, as for models with a fused LCM-LoRA',
      );
    }
    return stableDiffusion.createConditioner(parts);
  },
};
