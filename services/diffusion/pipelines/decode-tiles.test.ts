import { describe, expect, it } from 'vitest';
import { decodeTiles } from './decode-tiles.ts';

const tile = { latents: 8, pixels: 16 };
type Part = { y: number; x: number; height: number; width: number };

/** Each pixel by its place in the whole, so that whole and tiles agree wherever they overlap. */
const byPlace = ({ y, x, height, width }: Part) =>
  Float32Array.from({ length: 3 * 4 * height * width }, (_, i) => {
    const row = 2 * y + (Math.floor(i / (2 * width)) % (2 * height));
    return 1000 * Math.floor(i / (4 * height * width)) + 50 * row + 2 * x + (i % (2 * width));
  });

describe('tiles of what looks the same in each', () => {
  it.each([
    [8, 8],
    [9, 20],
    [13, 8],
    [22, 31],
  ])('make up the whole of %d×%d latents', async (height, width) => {
    const whole = byPlace({ y: 0, x: 0, height, width });
    const made = await decodeTiles({ height, width }, tile, async (part) => byPlace(part));
    const apart = made.map((value, i) => Math.abs(value - whole[i]!));
    expect(made).toHaveLength(whole.length);
    expect(Math.max(...apart)).toBeLessThan(1e-3);
  });

  it('overlap by a quarter', async () => {
    const parts: Part[] = [];
    await decodeTiles({ height: 6, width: 20 }, tile, async (part) => {
      parts.push(part);
      return byPlace(part);
    });
    expect(parts).toEqual([
      { y: 0, x: 0, height: 6, width: 8 },
      { y: 0, x: 6, height: 6, width: 8 },
      { y: 0, x: 12, height: 6, width: 8 },
      { y: 0, x: 18, height: 6, width: 2 },
    ]);
  });
});

it('goes linearly from one tile to the next', async () => {
  let next = 0;
  const flat = async ({ height, width }: Part) =>
    new Float32Array(12 * height * width).fill(next++);
  const made = await decodeTiles({ height: 6, width: 14 }, tile, flat);
  // Tiles begin each 12 pixels and share 4: 0, then 1, then 2.
  const row = [...made.subarray(0, 28)];
  expect(row.slice(0, 12)).toEqual(new Array(12).fill(0));
  expect(row.slice(12, 16)).toEqual([0, 0.25, 0.5, 0.75]);
  expect(row.slice(16, 24)).toEqual(new Array(8).fill(1));
  expect(row.slice(24)).toEqual([1, 1.25, 1.5, 1.75]);
});
