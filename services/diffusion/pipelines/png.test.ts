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

it.each([
  [1, 1],
  [37, 23],
  [512, 8],
])('a reader has the same %i×%i pixels again', (width, height) => {
  const area = width * height;
  const bytes = Uint8Array.from({ length: 3 * area }, (_, i) => (i * i * 7) % 256);
  const pixels = Float32Array.from({ length: 3 * area }, (_, i) => {
    const [channel, at] = [Math.floor(i / area), i % area];
    return (bytes[at * 3 + channel]! / 255) * 2 - 1;
  });
  const read = decode(encodePng(pixels, width, height), { checkCrc: true });
  expect(read).toMatchObject({ width, height, channels: 3, depth: 8 });
  expect(Buffer.from(read.data).equals(bytes)).toBe(true);
});
