import { describe, expect, it } from 'vitest';
import { readFixture, unpack } from '../test/fixtures.ts';
import { createTorchGenerator } from './torch-generator.ts';

type Vector = { seed: number; sizes: number[]; draws: string[] };

describe('createTorchGenerator', () => {
  it.each(readFixture<Vector[]>('randn.json'))(
    'draws what torch draws from seed $seed in sizes $sizes',
    ({ seed, sizes, draws }) => {
      const generator = createTorchGenerator(seed);
      for (const [i, size] of sizes.entries()) {
        const values = new Float32Array(size);
        generator.randn(values);
        const expected = unpack(draws[i]!);
        const apart = values.map((value, k) => Math.abs(value - expected[k]!));
        expect(Math.max(...apart)).toBeLessThanOrEqual(1e-6);
      }
    },
  );

  it.each([2 ** 32 + 7, 2n ** 63n + 7n, 2n ** 64n - 2n ** 32n + 7n])(
    'takes the low 32 bits of the seed %d, as torch does',
    (seed) => {
      const [noise, expected] = [new Float32Array(17), new Float32Array(17)];
      createTorchGenerator(seed).randn(noise);
      createTorchGenerator(7).randn(expected);
      expect(noise).toEqual(expected);
    },
  );

  it.each([1, 15, 16, 17, 1000])('goes on from a state to the same bits, %i at a time', (size) => {
    const generator = createTorchGenerator(5);
    generator.randn(new Float32Array(size));
    const copy = createTorchGenerator(generator.state());
    const [first, second] = [new Float32Array(size), new Float32Array(size)];
    generator.randn(first);
    copy.randn(second);
    expect(second).toEqual(first);
  });

  it('gives every seed its own noise', () => {
    const noiseOf = (seed: number) => {
      const out = new Float32Array(64);
      createTorchGenerator(seed).randn(out);
      return out;
    };
    expect(noiseOf(0)).not.toEqual(noiseOf(1));
    expect(noiseOf(2 ** 32 - 1)).not.toEqual(noiseOf(0));
  });
});
