import type { Family } from '../families/family.ts';
import type { VaeConfig } from '../model-folder/model-configs.ts';

/** Between the VAE's latents and those that the UNet was trained on, which have unit variance. */
export type LatentScale = {
  factor: number;
  /** Per channel; undefined where the family's pipeline does not apply them. */
  means: readonly number[] | undefined;
  deviations: readonly number[] | undefined;
};

/** diffusers applies mean and deviation only where the configuration has both. */
export function latentScale(family: Family, config: VaeConfig): LatentScale {
  const { latents_mean: means, latents_std: deviations } = config;
  const both = family.normalizesLatents && means != null && deviations != null;
  return {
    factor: config.scaling_factor ?? family.scalingFactor,
    means: both ? means : undefined,
    deviations: both ? deviations : undefined,
  };
}

/** diffusers' inpainting pipelines leave mean and deviation out when they encode. */
export const withoutMoments = ({ factor }: LatentScale): LatentScale => ({
  factor,
  means: undefined,
  deviations: undefined,
});
