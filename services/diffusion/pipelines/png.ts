import { deflateSync } from 'node:zlib';
import { chunk, SIGNATURE } from './png-chunk.ts';

const f32 = Math.fround;

/** Of the PNG specification: colour type 2 is RGB. */
const DEPTH = 8;
const RGB = 2;
/** Each byte as its difference from the one above: pictures come out a third smaller than without. */
const UP = 2;

/**
 * @param pixels [3, height, width] in −1 to 1; beyond is clamped
 * @returns PNG file, RGB, 8 bit, rounded as diffusers rounds; see docs/decisions/png.md
 */
export function encodePng(pixels: Float32Array, width: number, height: number): Uint8Array {
  const area = width * height;
  const stride = width * 3;
  const rows = new Uint8Array((stride + 1) * height);
  // Clamps to 0 to 255 and rounds halves to even, as numpy does.
  let levels = new Uint8ClampedArray(stride);
  let above = new Uint8ClampedArray(stride);
  for (let y = 0; y < height; y++) {
    for (let channel = 0; channel < 3; channel++) {
      const plane = channel * area + y * width;
      for (let x = 0; x < width; x++) {
        levels[x * 3 + channel] = f32(f32(f32(pixels[plane + x]! * 0.5) + 0.5) * 255);
      }
    }
    const row = y * (stride + 1) + 1;
    rows[row - 1] = UP;
    for (let i = 0; i < stride; i++) rows[row + i] = levels[i]! - above[i]!;
    [levels, above] = [above, levels];
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = DEPTH;
  header[9] = RGB;
  return new Uint8Array(
    Buffer.concat([
      SIGNATURE,
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(rows)),
      chunk('IEND'),
    ]),
  );
}
