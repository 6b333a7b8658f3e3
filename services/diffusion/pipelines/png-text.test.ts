import { crc32, deflateSync } from 'node:zlib';
import { decode, encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { addPngText, PngError, readPngText } from './png-text.ts';

const data = Uint8Array.from({ length: 4 * 3 * 3 }, (_, i) => (i * 37) % 256);
const png = encode({ width: 4, height: 3, channels: 3, depth: 8, data });

const bytes = (text: string) => Buffer.from(text, 'latin1');
const chunk = (type: string, ...parts: Uint8Array[]) => {
  const body = Buffer.concat([bytes(type), ...parts]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(body.length - 4, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
};
/** The file with a chunk before its end. */
const withChunk = (...parts: Parameters<typeof chunk>) =>
  Buffer.concat([png.subarray(0, -12), chunk(...parts), png.subarray(-12)]);

describe('text in a PNG file', () => {
  it.each([
    ['ASCII', 'a red star', 'tEXt'],
    ['nothing', '', 'tEXt'],
    ['Latin-1', 'ein größerer Stern, ½ × ½', 'tEXt'],
    ['lines', 'one\ntwo\r\nthree', 'tEXt'],
    ['control characters', '\x01\x07\x1b[31m\x7f\x85\x9f', 'tEXt'],
    ['Unicode', '星と🌟, العربية, é as é', 'iTXt'],
    ['a long text', 'a large red star '.repeat(100_000), 'tEXt'],
    ['a long text of emoji', '⭐'.repeat(100_000), 'iTXt'],
  ])('comes back as it was: %s', (_, value, type) => {
    const file = addPngText(png, { parameters: value });
    expect({ ...readPngText(file) }).toEqual({ parameters: value });
    expect(bytes(type).equals(file.subarray(37, 41))).toBe(true);
    const { width, height, channels, depth, data: pixels } = decode(file, { checkCrc: true });
    expect({ width, height, channels, depth }).toEqual({
      width: 4,
      height: 3,
      channels: 3,
      depth: 8,
    });
    expect(pixels).toEqual(data);
  });

  it('leaves the rest of the file as it is, and is the same each time', () => {
    const text = { parameters: 'a', darkroom: '{"é":"⭐"}' };
    const file = addPngText(png, text);
    expect(addPngText(png, text)).toEqual(file);
    const added = file.length - png.length;
    expect(file.subarray(0, 33)).toEqual(png.subarray(0, 33));
    expect(file.subarray(33 + added)).toEqual(png.subarray(33));
    expect({ ...readPngText(file) }).toEqual(text);
    expect(addPngText(png, {})).toEqual(png);
  });

  it.each([
    ['no keyword', { '': 'a' }],
    ['a keyword of 80 characters', { ['k'.repeat(80)]: 'a' }],
    ['a keyword beyond Latin-1', { '⭐': 'a' }],
    ['a null byte in the keyword', { 'a\0b': 'a' }],
    ['a null byte', { a: 'b\0c' }],
    ['a null byte in Unicode', { a: '⭐\0c' }],
  ])('cannot be %s', (_, text) => {
    expect(() => addPngText(png, text)).toThrow(RangeError);
  });

  it('is read where another program has compressed it', () => {
    const value = '星'.repeat(1_000);
    const head = Buffer.concat([bytes('darkroom\0'), Buffer.of(1, 0), bytes('ja\0key\0')]);
    const file = withChunk('iTXt', head, deflateSync(value));
    expect(readPngText(file)['darkroom']).toBe(value);
  });
});

describe('a file that cannot be read', () => {
  const file = addPngText(png, { parameters: 'a red star' });
  it.each([
    ['is empty', new Uint8Array(), /not a PNG file/],
    ['is another', bytes('GIF89a, and some more bytes'), /not a PNG file/],
    ['has text without an end', withChunk('iTXt', bytes('keyword\0\0\0')), /no end/],
    ['has text that is not deflated', withChunk('iTXt', bytes('k\0\x01\0\0\0none')), /inflated/],
    [
      'inflates beyond all bounds',
      withChunk('iTXt', bytes('k\0\x01\0\0\0'), deflateSync(Buffer.alloc(2 ** 24 + 1))),
      /inflated/,
    ],
  ])('%s', (_, broken, why) => {
    expect(() => readPngText(broken)).toThrow(PngError);
    expect(() => readPngText(broken)).toThrow(why);
  });

  it('is cut short, wherever', () => {
    for (let length = 8; length < file.length; length++) {
      expect(() => readPngText(file.subarray(0, length))).toThrow(/cut short/);
    }
  });

  it('has a wrong bit in a chunk', () => {
    for (const at of [20, 50, file.length - 20]) {
      const damaged = file.slice();
      damaged[at]! ^= 1;
      expect(() => readPngText(damaged)).toThrow(/the checksum of its chunk "(IHDR|tEXt|IDAT)"/);
    }
  });
});
