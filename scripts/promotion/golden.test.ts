import { encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { comparePictures, type GoldenRequest } from './golden.ts';

/** A PNG, by default of 2×1 pixels. */
const picture = (values: number[], { width = 2, height = 1, channels = 3 } = {}) =>
  encode({ width, height, channels, data: Uint8Array.from(values) });
const one = picture([10, 20, 30, 40, 50, 60]);

describe('pictures that are compared', () => {
  const request = (prompt: string, seed: number) => ({ prompt, seed }) as unknown as GoldenRequest;
  const expected = [
    { request: request('a lighthouse', 1), png: one },
    { request: request('a harbour', 2), png: one },
  ];
  const compare = (png: Uint8Array | undefined, tolerance: number) =>
    comparePictures(
      expected,
      [expected[0], png && { request: request('a harbour', 2), png }].filter((each) => !!each),
      { who: 'production', tolerance },
    );
  const near = picture([12, 20, 30, 40, 50, 60]);

  test('are right as far as the environment tolerates', () => {
    expect(() => compare(one, 0)).not.toThrow();
    expect(() => compare(near, 2)).not.toThrow();
  });

  test.each([
    ['another', near, 1, /by up to 2 of 255, and pictureTolerance allows 1/],
    ['one that is missing', undefined, 0, /by up to 255 of 255/],
  ])('tell of %s by its request', (_, png, tolerance, words) => {
    expect(() => compare(png, tolerance)).toThrow(
      'production makes another picture of "a harbour" (seed 2)',
    );
    expect(() => compare(png, tolerance)).toThrow(words);
  });
});
