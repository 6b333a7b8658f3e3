/** One field of a protobuf message, by where it lies in its bytes. */
export type Field = {
  number: number;
  /** 0 varint, 1 eight bytes, 2 bytes with their length in front, 5 four bytes. */
  wire: number;
  /** Of the value; for `wire` 2 without its length. */
  start: number;
  end: number;
  /** Of a varint. */
  value: number;
};

/** Longest head of a field: two varints of ten bytes. */
export const LONGEST_HEAD = 20;

/**
 * The field whose head begins at `at`; undefined where none does. Its value may end beyond the bytes:
 * of a large one the head alone is needed.
 */
export function fieldAt(bytes: Uint8Array, at: number): Field | undefined {
  const tag = readVarint(bytes, at);
  if (tag === undefined || tag.value < 8) return undefined;
  const number = Math.floor(tag.value / 8);
  const wire = tag.value % 8;
  const field = (start: number, end: number, value = 0) => ({ number, wire, start, end, value });
  switch (wire) {
    case 0: {
      const varint = readVarint(bytes, tag.end);
      return varint && field(tag.end, varint.end, varint.value);
    }
    case 1:
      return field(tag.end, tag.end + 8);
    case 2: {
      const length = readVarint(bytes, tag.end);
      return length && field(length.end, length.end + length.value);
    }
    case 5:
      return field(tag.end, tag.end + 4);
    default:
      return undefined;
  }
}

/** Fields of a message that is there in whole. @throws RangeError where it is not one */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  for (let at = 0; at < bytes.length; ) {
    const field = fieldAt(bytes, at);
    if (field === undefined || field.end > bytes.length)
      throw new RangeError('no protobuf message');
    yield field;
    at = field.end;
  }
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** Little-endian groups of seven bits; exact up to 2⁵³. */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i]!;
    value += (byte & 0x7f) * 2 ** (7 * (i - start));
    if (byte < 0x80) return { value, end: i + 1 };
  }
  return undefined;
}
