import { ModelError } from '../model-error.ts';
import type { VaeConfig } from '../model-folder/model-configs.ts';

type Rgb = readonly [red: number, green: number, blue: number];

/** A linear map from latents, as the UNet knows them, to colours in −1 to 1: rough, and almost free. */
export type LatentRgb = {
  /** What one of each channel adds. */
  readonly factors: readonly Rgb[];
  readonly bias: Rgb;
};

/**
 * The map that the VAE's configuration brings, else its family's where the latents are those that the
 * family's map was fitted to: as many channels, scaled as much.
 *
 * @returns undefined where nobody knows one
 * @throws ModelError where the configuration's map is for other latents
 */
export function latentRgbOf(
  { latentRgb, scalingFactor }: { latentRgb: LatentRgb; scalingFactor: number },
  vae: VaeConfig,
  channels: number,
): LatentRgb | undefined {
  const { latent_rgb_factors: factors, latent_rgb_factors_bias: bias } = vae;
  if (factors != null) {
    if (factors.length === channels) return { factors, bias: bias ?? [0, 0, 0] };
    throw new ModelError(
      'latent_rgb_factors in the VAE\u2019s configuration cannot be used',
      `it has ${factors.length} rows, where the latents have ${channels} channels`,
      'Write a row of red, green and blue for each channel, or leave it out: it is for previews alone',
    );
  }
  const isFamilys =
    channels === latentRgb.factors.length &&
    (vae.scaling_factor ?? scalingFactor) === scalingFactor &&
    vae.latents_mean == null;
  return isFamilys ? latentRgb : undefined;
}

/** Pixels of a preview's longer side at most. */
const LONGEST_SIDE = 128;

/**
 * How latents look, a pixel for each, or for each second, third … where there are more than 128 a side.
 *
 * @param latents [C, height, width], C as the map has factors
 * @returns RGB of 8 bit, interleaved
 */
export function latentPreview(
  latents: Float32Array,
  size: { width: number; height: number },
  { factors, bias }: LatentRgb,
): { data: Uint8Array; width: number; height: number } {
  const area = size.width * size.height;
  const pace = Math.ceil(Math.max(size.width, size.height) / LONGEST_SIDE);
  const width = Math.ceil(size.width / pace);
  const height = Math.ceil(size.height / pace);
  const data = new Uint8ClampedArray(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const at = Math.floor(i / width) * pace * size.width + (i % width) * pace;
    for (let colour = 0; colour < 3; colour++) {
      let value = bias[colour]!;
      for (const [channel, row] of factors.entries()) {
        value += latents[channel * area + at]! * row[colour]!;
      }
      data[i * 3 + colour] = (value / 2 + 0.5) * 255;
    }
  }
  return { data: new Uint8Array(data.buffer), width, height };
}
