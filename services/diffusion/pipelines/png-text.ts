import { crc32, inflateSync } from 'node:zlib';

/** What a PNG file says of itself beside its pixels: texts by keyword. */
export type PngText = Readonly<Record<string, string>>;

/** The file cannot be read; the message says why. */
export class PngError extends Error {
  override readonly name = 'PngError';
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Length, type and CRC of a chunk, 4 bytes each. */
const FRAME = 12;
/** The signature, and IHDR with its 13 bytes, which is first in every file. */
const HEAD = SIGNATURE.length + FRAME + 13;
/** Of a compressed text, once inflated; far above any prompt. */
const LONGEST_TEXT = 2 ** 24;

/**
 * A copy of the file with these texts, before its pixels, where readers that only open a file find
 * them. As Pillow does: tEXt where all characters are Latin-1, else iTXt in UTF-8. The same texts give
 * the same bytes.
 *
 * @param text keywords of 1 to 79 Latin-1 characters; no null bytes anywhere
 * @throws RangeError for other keywords, and for null bytes
 */
export function addPngText(png: Uint8Array, text: PngText): Uint8Array {
  const chunks = Object.entries(text).map(([keyword, value]) => textChunk(keyword, value));
  return new Uint8Array(Buffer.concat([png.subarray(0, HEAD), ...chunks, png.subarray(HEAD)]));
}

function textChunk(keyword: string, value: string): Buffer {
  if (!/^[ -~\xa1-\xff]{1,79}$/.test(keyword) || value.includes('\0')) {
    throw new RangeError(`a PNG file cannot hold the text ${JSON.stringify(keyword)}`);
  }
  const name = Buffer.from(`${keyword}\0`, 'latin1');
  if (isLatin1(value)) return chunk('tEXt', name, Buffer.from(value, 'latin1'));
  // Not compressed, and neither a language nor a translated keyword.
  return chunk('iTXt', name, Buffer.alloc(4), Buffer.from(value));
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

function chunk(type: string, ...data: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), ...data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(body.length - 4, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), framed.length - 4);
  return framed;
}

/**
 * The texts of a PNG file (tEXt and iTXt), the last one under each keyword.
 *
 * @throws PngError for what is no PNG file, is cut short or is damaged
 */
export function readPngText(file: Uint8Array): PngText {
  const png = Buffer.from(file.buffer, file.byteOffset, file.length);
  if (!png.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    throw new PngError('it is not a PNG file');
  }
  const text: Record<string, string> = Object.create(null);
  for (let at = SIGNATURE.length; ; ) {
    if (at + FRAME > png.length) throw new PngError('it is cut short');
    const end = at + FRAME + png.readUInt32BE(at);
    if (end > png.length) throw new PngError('it is cut short');
    const body = png.subarray(at + 4, end - 4);
    const type = body.toString('latin1', 0, 4);
    if (crc32(body) !== png.readUInt32BE(end - 4)) {
      throw new PngError(
        `it is damaged: the checksum of its chunk ${JSON.stringify(type)} is wrong`,
      );
    }
    if (type === 'IEND') return text;
    if (type === 'tEXt' || type === 'iTXt') {
      const [keyword, value] = readText(type, body.subarray(4));
      text[keyword] = value;
    }
    at = end;
  }
}

function readText(type: 'tEXt' | 'iTXt', data: Buffer): [keyword: string, value: string] {
  const afterNull = (from: number): number => {
    const at = data.indexOf(0, from);
    if (at < 0) throw new PngError('it is damaged: a text in it has no end');
    return at + 1;
  };
  const start = afterNull(0);
  const keyword = data.toString('latin1', 0, start - 1);
  if (type === 'tEXt') return [keyword, data.toString('latin1', start)];
  const value = data.subarray(afterNull(afterNull(start + 2)));
  return [keyword, (data[start] === 1 ? inflate(value) : value).toString()];
}

function inflate(data: Buffer): Buffer {
  try {
    return inflateSync(data, { maxOutputLength: LONGEST_TEXT });
  } catch (error) {
    throw new PngError(
      `it is damaged: a text in it cannot be inflated (${(error as Error).message})`,
    );
  }
}
