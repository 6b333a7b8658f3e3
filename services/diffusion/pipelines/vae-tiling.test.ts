import { expect, it } from 'vitest';
import { createLatentDecoder } from './latent-decoder.ts';
import type { VaeHalf } from './vae-half.ts';
import { decodeBytes, tileSize, usesTiles, type VaeTiling } from './vae-tiling.ts';

const vae = {
  block_out_channels: [128, 256, 512, 512],
  sample_size: 512,
  mid_block_add_attention: true,
};
const square = (side: number) => ({ width: side, height: side });
const GIB = 2 ** 30;

it('estimates what decoding takes, more than in proportion once attention decides', () => {
  expect(decodeBytes(square(512), vae)).toBe(GIB);
  expect(decodeBytes(square(1024), vae)).toBe(4 * GIB);
  expect(decodeBytes(square(2048), vae)).toBe(48 * GIB);
  const plain = { ...vae, mid_block_add_attention: false };
  expect(decodeBytes(square(2048), plain)).toBe(16 * GIB);
});

it('decides by the setting, and left to itself by the budget', () => {
  const [little, much] = [1, 3].map((bytes) => ({ bytes: bytes * GIB, budgetBytes: 2 * GIB }));
  const decide = (tiling: VaeTiling) => [little, much].map((decode) => usesTiles(tiling, decode!));
  expect(decide('auto')).toEqual([false, true]);
  expect(decide('always')).toEqual([true, true]);
  expect(decide('never')).toEqual([false, false]);
});

it('has tiles of the size that the VAE was trained on, which a quarter divides', () => {
  expect(tileSize(vae)).toEqual({ latents: 64, pixels: 512 });
  expect(tileSize({ ...vae, sample_size: [768, 768] })).toEqual({ latents: 96, pixels: 768 });
  expect(tileSize({ ...vae, sample_size: 500 })).toEqual({ latents: 60, pixels: 480 });
  expect(tileSize({ ...vae, sample_size: 8 })).toEqual({ latents: 4, pixels: 32 });
});

it.each([
  [{}, 512, false],
  [{}, 520, true],
  [{ takesAnySize: false }, 1024, false],
  [{ tiling: 'never' }, 4096, false],
  [{ tiling: 'auto' }, 1304, false],
  [{ tiling: 'auto' }, 1312, true],
] as const)('of %o, decodes a picture of side %d in tiles: %s', (change, side, expected) => {
  const { takesAnySize = true, tiling = 'always' } = change as {
    takesAnySize?: boolean;
    tiling?: VaeTiling;
  };
  const half = { takesAnySize, channels: 4 } as VaeHalf;
  const scale = { factor: 1, means: undefined, deviations: undefined };
  expect(createLatentDecoder(half, scale, { vae, tiling }).usesTiles(square(side))).toBe(expected);
});

it('stops between two tiles', async () => {
  const stop = new AbortController();
  let runs = 0;
  const half = {
    takesAnySize: true,
    async run([, , height, width]: readonly number[]) {
      runs += 1;
      if (runs === 2) stop.abort();
      return new Float32Array(3 * 64 * height! * width!);
    },
  } as unknown as VaeHalf;
  const scale = { factor: 1, means: undefined, deviations: undefined };
  const decoder = createLatentDecoder(half, scale, { vae, tiling: 'always' });
  const latents = new Float32Array(4 * 128 * 128);
  const decoding = decoder.decode(latents, [4, 128, 128], square(1024), stop.signal);
  await expect(decoding).rejects.toHaveProperty('name', 'AbortError');
  expect(runs).toBe(2);
});
