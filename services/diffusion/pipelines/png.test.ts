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
