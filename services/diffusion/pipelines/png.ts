import { encode } from 'fast-png';
import { roundHalfToEven } from '../schedulers/numpy.ts';

const f32 = Math.fround;

/**
 * @param pixels [3, height, width] in −1 to 1; beyond is clamped
 * @returns PNG file, RGB, 8 bit, rounded as diffusers rounds
 */
export function encodePng(pixels: Float32Array, width: number, height: number): Uint8Array {
  const area = width * height;
  const data = new Uint8Array(area * 3);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) {
      data[i * 3 + channel] = toByte(pixels[channel * area + i]!);
    }
  }
  return encode({ width, height, data, channels: 3, depth: 8 });
}

function toByte(value: number): number {
  const unit = Math.min(Math.max(f32(f32(value * 0.5) + 0.5), 0), 1);
  return roundHalfToEven(f32(unit * 255));
}
