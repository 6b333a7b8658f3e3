import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const reference = new URL('./reference/', import.meta.url);

/** A file or folder that the scripts in test/reference/ wrote. */
export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`fixtures/${name}`, reference));

export const readFixture = <T>(name: string): T =>
  JSON.parse(readFileSync(fixturePath(name), 'utf8')) as T;

/** Base64 of little-endian float32. */
export function unpack(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer);
}

/** max|a − b| ÷ max|b|: how far apart two arrays are, of the reference's size. */
export function arrayParity(values: Float32Array, reference: Float32Array): number {
  if (values.length !== reference.length) throw new Error('arrays differ in length');
  let apart = 0;
  let size = 0;
  for (const [i, value] of values.entries()) {
    const distance = Math.abs(value - reference[i]!);
    // NaN must not slip through a comparison.
    if (!(distance <= apart)) apart = distance;
    size = Math.max(size, Math.abs(reference[i]!));
  }
  return apart === 0 ? 0 : apart / size;
}

/** Share of 8-bit values within 2 of the reference. */
export function pictureParity(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (values.length !== reference.length) throw new Error('pictures differ in size');
  let within = 0;
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]! - reference[i]!) <= 2) within += 1;
  }
  return within / values.length;
}
