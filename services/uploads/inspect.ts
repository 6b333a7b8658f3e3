import type { Size } from './pixels.ts';
import { decodeOnce, uprightSize } from './read-picture.ts';

/**
 * Decodes a file from its first byte to its last, so that what is accepted can be used later, and
 * tells its size, upright.
 *
 * @throws DarkroomError `request` for what is no picture, too large, damaged or cut off
 */
export async function inspectUpload(file: Uint8Array): Promise<Size> {
  const size = await uprightSize(file);
  await decodeOnce(file);
  return size;
}
