import { constants } from 'node:zlib';
import { PNG } from 'pngjs';

const f32 = Math.fround;

/** Of PNG's colour types. */
const RGB = 2;
/** Of PNG's filters: each row as what differs from the row above. */
const UP = 2;

/**
 * Compressed by runs of equal bytes (`Z_RLE`): see docs/decisions/png.md.
 *
 * @param pixels [3, height, width] in −1 to 1; beyond is clamped
 * @returns PNG file, RGB, 8 bit, rounded as diffusers rounds
 */
export function encodePng(pixels: Float32Array, width: number, height: number): Uint8Array {
  const area = width * height;
  // It clamps what is put in, and rounds halves to the even neighbour, as numpy does.
  const data = new Uint8ClampedArray(area * 3);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) {
      const unit = f32(f32(pixels[channel * area + i]! * 0.5) + 0.5);
      data[i * 3 + channel] = f32(unit * 255);
    }
  }
  // Without the size: with it, it makes room for pixels of its own.
  const png = Object.assign(new PNG(), { width, height, data: Buffer.from(data.buffer) });
  const file = PNG.sync.write(png, {
    colorType: RGB,
    inputColorType: RGB,
    inputHasAlpha: false,
    filterType: UP,
    deflateStrategy: constants.Z_RLE,
  });
  return new Uint8Array(file);
}
