import { ModelError } from '../model-error.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import type { LatentScale } from './latent-scale.ts';
import type { SampleDims } from './unet.ts';
import type { VaeHalf } from './vae-half.ts';

export type LatentEncoder = {
  /**
   * @param pixels [3, height, width] in −1 to 1
   * @param dims of the latents, [C, H, W]
   * @returns latents as the UNet knows them
   */
  encode(pixels: Float32Array, dims: SampleDims, random: TorchGenerator): Promise<Float32Array>;
  /** Draws from the generator what `encode` would draw, for latents that nobody needs. */
  skip(dims: SampleDims, random: TorchGenerator): void;
};

/** Bounds that diffusers' DiagonalGaussianDistribution puts on the logarithm of the variance. */
const LOG_VARIANCE = { least: -30, most: 20 };
const f32 = Math.fround;

/**
 * A VAE encoder gives the distribution of the latents, mean and logarithm of the variance, from which
 * they are drawn here. Exporters of the first years had the drawing in the network: its latents are
 * taken as they are, and cannot be had twice.
 */
export function createLatentEncoder(
  encoder: VaeHalf,
  scale: LatentScale,
  factor: number,
): LatentEncoder {
  const isDrawn = encoder.output === 'latent_sample';

  return {
    async encode(pixels, dims, random) {
      const [channels, height, width] = dims;
      const given = await encoder.run([1, 3, height * factor, width * factor], (values) =>
        values.set(pixels),
      );
      const size = channels * height * width;
      checkSize(encoder.file, given.length, isDrawn ? size : 2 * size);
      const latents = new Float32Array(size);
      if (isDrawn) latents.set(given);
      else draw(given, random, latents);
      const area = height * width;
      for (let i = 0; i < size; i++) {
        const channel = Math.floor(i / area);
        const mean = scale.means?.[channel] ?? 0;
        const deviation = scale.deviations?.[channel] ?? 1;
        latents[i] = f32(f32(latents[i]! - f32(mean)) * f32(scale.factor)) / f32(deviation);
      }
      return latents;
    },
    skip([channels, height, width], random) {
      if (!isDrawn) random.randn(new Float32Array(channels * height * width));
    },
  };
}

/** @param parameters [2·C, H, W]: means, then logarithms of the variances */
function draw(parameters: Float32Array, random: TorchGenerator, out: Float32Array): void {
  random.randn(out);
  for (let i = 0; i < out.length; i++) {
    const bounded = Math.min(
      Math.max(parameters[out.length + i]!, LOG_VARIANCE.least),
      LOG_VARIANCE.most,
    );
    const deviation = f32(Math.exp(f32(0.5 * bounded)));
    out[i] = parameters[i]! + f32(deviation * out[i]!);
  }
}

function checkSize(file: string, given: number, expected: number): void {
  if (given === expected) return;
  throw new ModelError(
    `${file} is not the encoder of this model`,
    `it gives ${given} values for a picture, where ${expected} are expected`,
    'Take encoder and decoder of the VAE from the same model',
  );
}
