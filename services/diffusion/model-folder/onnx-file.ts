import { type FileHandle, open } from 'node:fs/promises';
import { ModelError } from '../model-error.ts';

/** Longest head of a protobuf field: two varints of ten bytes. */
const HEAD_BYTES = 20;

/**
 * An ONNX file is a protobuf message without a length of its own, but its fields have theirs: walks
 * the outermost ones and sees that the last ends where the file ends. Reads a few bytes a field.
 *
 * @throws ModelError where the file is cut short or not of this kind
 */
export async function checkOnnxIsWhole(path: string): Promise<void> {
  await using file = await open(path);
  const { size } = await file.stat();
  let position = 0;
  while (position < size) {
    const next = await fieldEnd(file, position);
    if (next === undefined || next > size) {
      throw new ModelError(
        `The model file ${path} cannot be used`,
        next === undefined
          ? 'it is not an ONNX file'
          : `it is cut short: ${size} bytes of at least ${next}`,
        'Write the model folder again in whole',
      );
    }
    position = next;
  }
}

/** Where the field that begins at `position` ends; undefined where no field begins. */
async function fieldEnd(file: FileHandle, position: number): Promise<number | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, position);
  const head = buffer.subarray(0, bytesRead);
  const tag = readVarint(head, 0);
  if (tag === undefined || tag.value < 8) return undefined;
  const start = position + tag.end;
  switch (tag.value & 7) {
    case 0: {
      const value = readVarint(head, tag.end);
      return value && position + value.end;
    }
    case 1:
      return start + 8;
    case 2: {
      const length = readVarint(head, tag.end);
      return length && position + length.end + length.value;
    }
    case 5:
      return start + 4;
    default:
      return undefined;
  }
}

/** Little-endian groups of seven bits; exact up to 2⁵³. */
function readVarint(bytes: Buffer, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i]!;
    value += (byte & 0x7f) * 2 ** (7 * (i - start));
    if (byte < 0x80) return { value, end: i + 1 };
  }
  return undefined;
}
