import { decode } from 'fast-png';
import { expect, it } from 'vitest';
import { encodePng } from './png.ts';

it('writes planes of −1 to 1 as interleaved bytes, clamps, and rounds halves to even', () => {
  const half = (byte: number) => ((byte + 0.5) / 255) * 2 - 1;
  const red = [-1, 1];
  const green = [-3, 3];
  const blue = [half(2), 0];
  const { data, width, height } = decode(
    encodePng(Float32Array.of(...red, ...green, ...blue), 2, 1),
  );
  expect({ width, height }).toEqual({ width: 2, height: 1 });
  expect([...data]).toEqual([0, 0, 2, 255, 255, 128]);
});

it('keeps every pixel of pictures of odd sizes, in runs and in noise', () => {
  const [width, height] = [33, 17];
  const area = width * height;
  const byteAt = (i: number) => (i % area < 200 ? 77 : (i * 7919 + (i >> 3) * 104_729) % 256);
  const pixels = Float32Array.from({ length: 3 * area }, (_, i) => (byteAt(i) / 255) * 2 - 1);
  const { data } = decode(encodePng(pixels, width, height));
  const expected = Array.from({ length: 3 * area }, (_, i) =>
    byteAt((i % 3) * area + Math.floor(i / 3)),
  );
  expect([...data]).toEqual(expected);
});
