import type { FileHandle } from 'node:fs/promises';
import type { StoredObject } from '../object-store.ts';

/** The content type's length is one byte. */
export const MAX_TRAILER_BYTES = 256;

/**
 * A stored file is the object's bytes, then its content type in ASCII, then one byte with the
 * content type's length. At the end, so that a picture's file opens as the picture it is.
 */
export function encodeTrailer(contentType: string): Buffer {
  const type = Buffer.from(contentType, 'ascii');
  return Buffer.concat([type, Buffer.from([type.length])]);
}

export function decodeFile(file: Buffer): StoredObject {
  const typeLength = file.at(-1) ?? 0;
  const end = file.length - 1 - typeLength;
  return {
    bytes: file.subarray(0, Math.max(0, end)),
    contentType: file.toString('ascii', Math.max(0, end), file.length - 1),
  };
}

/** How many bytes of a file are the object's. */
export async function contentBytes(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return Math.max(0, size - 1 - (buffer[0] ?? 0));
}
