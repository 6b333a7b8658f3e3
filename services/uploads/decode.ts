import { brightness, type Size } from './pixels.ts';
import { readPicture } from './read-picture.ts';

/**
 * A file as the engine's `initImage`: what is transparent becomes white.
 *
 * @returns [3, height, width], RGB in −1 to 1
 * @throws DarkroomError `request` for what is no picture, too large, damaged or cut off
 */
export async function decodePicture(file: Uint8Array, size: Size): Promise<Float32Array> {
  const { data } = await readPicture(file, size, '#ffffff');
  const area = size.width * size.height;
  const values = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) {
      values[c * area + i] = 2 * Math.fround(data[i * 3 + c]! / 255) - 1;
    }
  }
  return values;
}

/**
 * A file as the engine's `mask`: white is painted anew, black stays, and so does what is transparent.
 * Colours count by their brightness.
 *
 * @returns [1, height, width], 0 to 1
 * @throws DarkroomError `request` as `decodePicture`
 */
export async function decodeMask(file: Uint8Array, size: Size): Promise<Float32Array> {
  const { data } = await readPicture(file, size, '#000000', brightness);
  return Float32Array.from(data, (value) => value / 255);
}
