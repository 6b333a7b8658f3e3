import { describe, expect, it } from 'vitest';
import { stableDiffusion } from '../families/stable-diffusion/stable-diffusion.ts';
import { stableDiffusionXl } from '../families/stable-diffusion-xl/stable-diffusion-xl.ts';
import { ModelError } from '../model-error.ts';
import { latentPreview, latentRgbOf } from './latent-rgb.ts';

const vae = { block_out_channels: [1, 1, 1, 1], sample_size: 512, mid_block_add_attention: true };
const row = [1, 0.5, -0.5] as [number, number, number];

describe('the map of a model', () => {
  it('is its family\u2019s where its latents are', () => {
    for (const family of [stableDiffusion, stableDiffusionXl]) {
      const scaled = { ...vae, scaling_factor: family.scalingFactor };
      expect(latentRgbOf(family, vae, 4)).toBe(family.latentRgb);
      expect(latentRgbOf(family, scaled, 4)).toBe(family.latentRgb);
      expect(latentRgbOf(family, { ...vae, scaling_factor: 0.5 }, 4)).toBeUndefined();
      expect(latentRgbOf(family, vae, 8)).toBeUndefined();
    }
  });

  it('is its own where its configuration has one', () => {
    const own = { ...vae, scaling_factor: 0.5, latent_rgb_factors: [row, row] };
    expect(latentRgbOf(stableDiffusion, own, 2)).toEqual({ factors: [row, row], bias: [0, 0, 0] });
    expect(() => latentRgbOf(stableDiffusion, own, 4)).toThrow(ModelError);
    expect(() => latentRgbOf(stableDiffusion, own, 4)).toThrow(
      'it has 2 rows, where the latents have 4 channels',
    );
  });
});

describe('a preview', () => {
  const map = { factors: [row], bias: [0, 0, 0.5] as const };

  it('has the colour that the map gives each latent', () => {
    const latents = Float32Array.of(0, 1, -1, 0.5, -4e-1, 0);
    expect(latentPreview(latents, { width: 3, height: 2 }, map)).toEqual({
      width: 3,
      height: 2,
      data: Uint8Array.of(
        ...[128, 128, 191, 255, 191, 128, 0, 64, 255],
        ...[191, 159, 159, 76, 102, 217, 128, 128, 191],
      ),
    });
  });

  it('has at most 128 pixels a side', () => {
    const latents = new Float32Array(300 * 130);
    expect(latentPreview(latents, { width: 300, height: 130 }, map)).toMatchObject({
      width: 100,
      height: 44,
      data: { length: 3 * 100 * 44 },
    });
  });
});
