import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeMask, decodePicture, inspectUpload, MAX_PIXELS } from './index.ts';

type Colour = [r: number, g: number, b: number];
const RED: Colour = [255, 0, 0];
const GREEN: Colour = [0, 255, 0];
const BLUE: Colour = [0, 0, 255];
const WHITE: Colour = [255, 255, 255];

/** Four blocks of 8×8 pixels in a row of two rows: 24×16, with the corners in their colours. */
const SIZE = { width: 24, height: 16 };
const CORNERS = [RED, GREEN, BLUE, WHITE] as const;

function upright(): Buffer {
  const data = Buffer.alloc(SIZE.width * SIZE.height * 3);
  for (let y = 0; y < SIZE.height; y++) {
    for (let x = 0; x < SIZE.width; x++) {
      const colour = CORNERS[(y < 8 ? 0 : 2) + (x < 12 ? 0 : 1)]!;
      data.set(colour, (y * SIZE.width + x) * 3);
    }
  }
  return data;
}
const raw = { raw: { ...SIZE, channels: 3 as const } };

/** How a camera stores that was held so: turned, then mirrored. */
const STORED: Record<number, [degrees: number, mirrored: boolean]> = {
  1: [0, false],
  2: [0, true],
  3: [180, false],
  4: [180, true],
  5: [90, true],
  6: [270, false],
  7: [270, true],
  8: [90, false],
};

async function stored(orientation: number, pixels = upright()): Promise<Buffer> {
  const [degrees, mirrored] = STORED[orientation]!;
  const turned = await sharp(pixels, raw).rotate(degrees).png().toBuffer();
  const file = await sharp(turned).flop(mirrored).withMetadata({ orientation }).png().toBuffer();
  // Whoever shows it turns it back.
  expect(await sharp(file).autoOrient().raw().toBuffer()).toEqual(pixels);
  return file;
}

/** The 8-bit values of a decoded picture at a pixel. */
const at = (values: Float32Array, x: number, y: number, { width, height } = SIZE): number[] =>
  [0, 1, 2].map((c) => Math.round(((values[c * width * height + y * width + x]! + 1) / 2) * 255));

const corners = (values: Float32Array) =>
  [
    [2, 2],
    [21, 2],
    [2, 13],
    [21, 13],
  ].map(([x, y]) => at(values, x!, y!));

describe('EXIF orientation', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i: picture and mask come upright', async (orientation) => {
    const file = await stored(orientation);
    expect(await inspectUpload(file)).toEqual(SIZE);
    expect(corners(await decodePicture(file, SIZE))).toEqual(CORNERS);

    const grey = upright().map((_, i, all) => (all[i - (i % 3)] === 255 ? 255 : 0));
    const mask = await decodeMask(await stored(orientation, Buffer.from(grey)), SIZE);
    // Red and white, the two with red in them, are painted.
    expect([mask[0], mask[23], mask[15 * 24], mask[15 * 24 + 23]]).toEqual([1, 0, 0, 1]);
  });

  it('takes a mask without one for the frame of the upright picture', async () => {
    const picture = await decodePicture(await stored(6), SIZE);
    const mask = await decodeMask(await stored(1), SIZE);
    expect(at(picture, 2, 2)).toEqual(RED);
    expect(mask[2 * 24 + 2]).toBeCloseTo(76 / 255, 6);
  });
});

it.each([2, 3, 4, 5, 6, 7, 8])(
  'stretches what is stored as %i to the same bits as the upright picture',
  async (orientation) => {
    const size = { width: 40, height: 64 };
    const turned = await decodePicture(await stored(orientation), size);
    expect(turned).toEqual(await decodePicture(await stored(1), size));
  },
);

it('stretches to the size that is asked for', async () => {
  const size = { width: 48, height: 64 };
  const values = await decodePicture(await stored(6), size);
  expect(values).toHaveLength(3 * 48 * 64);
  expect(at(values, 3, 3, size)).toEqual(RED);
  expect(at(values, 45, 60, size)).toEqual(WHITE);
});

describe('what is transparent', () => {
  const rgba = { create: { width: 8, height: 8, channels: 4 as const } };
  const half = (alpha: number) =>
    sharp({ create: { ...rgba.create, background: { r: 255, g: 0, b: 0, alpha } } }).png();

  it('is white in a picture', async () => {
    const size = { width: 8, height: 8 };
    const clear = await decodePicture(await half(0).toBuffer(), size);
    expect(at(clear, 4, 4, size)).toEqual(WHITE);
    const through = at(await decodePicture(await half(0.5).toBuffer(), size), 4, 4, size);
    expect(through[0]).toBe(255);
    expect(Math.abs(through[1]! - 127)).toBeLessThanOrEqual(1);
  });

  it('stays in a mask', async () => {
    const white = { r: 255, g: 255, b: 255 };
    const mask = (alpha: number) =>
      sharp({ create: { ...rgba.create, background: { ...white, alpha } } })
        .png()
        .toBuffer();
    expect((await decodeMask(await mask(0), { width: 8, height: 8 }))[0]).toBe(0);
    expect((await decodeMask(await mask(1), { width: 8, height: 8 }))[0]).toBe(1);
  });
});

describe('colours', () => {
  const size = { width: 8, height: 8 };
  const plain = (background: object) =>
    sharp({ create: { ...size, channels: 3, background: background as never } });
  const orange = { r: 240, g: 120, b: 40 };
  const near = (values: Float32Array, colour: number[], by: number) => {
    for (const [c, value] of at(values, 4, 4, size).entries()) {
      expect(Math.abs(value - colour[c]!)).toBeLessThanOrEqual(by);
    }
  };

  it.each([
    ['JPEG', () => plain(orange).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }), 3],
    ['progressive JPEG', () => plain(orange).jpeg({ quality: 100, progressive: true }), 3],
    ['CMYK JPEG', () => plain(orange).toColourspace('cmyk').jpeg({ quality: 100 }), 40],
    ['PNG of 16 bits', () => plain(orange).toColourspace('rgb16').png(), 1],
    ['palette PNG', () => plain(orange).png({ palette: true }), 1],
    ['interlaced PNG', () => plain(orange).png({ progressive: true }), 0],
    ['Display P3 in PNG', () => plain(orange).withIccProfile('p3').png(), 2],
    ['lossless WebP', () => plain(orange).webp({ lossless: true }), 0],
    ['TIFF', () => plain(orange).tiff({ compression: 'lzw' }), 0],
    ['AVIF', () => plain(orange).avif({ lossless: true }), 2],
  ] as const)('%s becomes sRGB of 8 bits', async (_, make, by) => {
    const file = await make().toBuffer();
    expect(await inspectUpload(file)).toEqual(size);
    near(await decodePicture(file, size), [240, 120, 40], by);
  });

  it('CMYK that is tagged so was not turned into RGB before', async () => {
    const file = await plain(orange).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(file).metadata()).space).toBe('cmyk');
  });

  it.each([
    ['grey', () => plain({ r: 128, g: 128, b: 128 }).toColourspace('b-w').png(), 128],
    ['grey of 16 bits', () => plain({ r: 128, g: 128, b: 128 }).toColourspace('grey16').png(), 128],
  ] as const)('%s has three equal values', async (_, make, value) => {
    const file = await make().toBuffer();
    const [r, g, b] = at(await decodePicture(file, size), 4, 4, size);
    expect([g, b]).toEqual([r, r]);
    expect(Math.abs(r! - value)).toBeLessThanOrEqual(1);
  });
});

it('takes the first frame of an animation', async () => {
  const size = { width: 8, height: 8 };
  const frame = (colour: Colour) => Buffer.alloc(8 * 8 * 3).map((_, i) => colour[i % 3]!);
  const frames = Buffer.concat([frame(RED), frame(GREEN), frame(BLUE)]);
  const input = { raw: { width: 8, height: 24, channels: 3 as const, pageHeight: 8 } };
  for (const file of [
    await sharp(frames, input).gif().toBuffer(),
    await sharp(frames, input).webp({ lossless: true }).toBuffer(),
  ]) {
    expect((await sharp(file).metadata()).pages).toBe(3);
    expect(await inspectUpload(file)).toEqual(size);
    expect(at(await decodePicture(file, size), 4, 4, size)).toEqual(RED);
  }
});

it('takes a picture of one pixel', async () => {
  const file = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#ff0000' } })
    .png()
    .toBuffer();
  expect(await inspectUpload(file)).toEqual({ width: 1, height: 1 });
  const size = { width: 64, height: 64 };
  const values = await decodePicture(file, size);
  expect(at(values, 0, 0, size)).toEqual(RED);
  expect(at(values, 63, 63, size)).toEqual(RED);
});

describe('is refused', () => {
  const refused = (file: Uint8Array) => expect(inspectUpload(file)).rejects;
  const noise = () =>
    sharp({
      create: {
        width: 256,
        height: 256,
        channels: 3,
        background: '#000',
        noise: { type: 'gaussian', mean: 128, sigma: 60 },
      },
    });

  /** The header of a PNG of that size, with nothing behind it. */
  async function headerOf(width: number, height: number): Promise<Buffer> {
    const file = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#000' } })
      .png()
      .toBuffer();
    file.writeUInt32BE(width, 16);
    file.writeUInt32BE(height, 20);
    const { crc32 } = await import('node:zlib');
    file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
    return file;
  }

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('this is not a picture')],
    ['a page', Buffer.from('<!doctype html><html><body>no</body></html>')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')],
    ['PDF', Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n')],
    ['a PPM', Buffer.from('P3\n1 1\n255\n255 0 0\n')],
    ['the first bytes of a PNG', Buffer.from('89504e470d0a1a0a', 'hex')],
  ])('%s, as no picture', async (_, file) => {
    await refused(file).toMatchObject({
      kind: 'request',
      message: expect.stringMatching(/is not a picture of a known format\. Send PNG, JPEG/),
    });
  });

  it('what is too large by its header, before it is decoded', async () => {
    const before = process.memoryUsage().rss;
    await refused(await headerOf(50_000, 50_000)).toMatchObject({
      kind: 'request',
      message: expect.stringContaining(
        'it has 50000×50000 pixels. Scale it down to at most 33554432',
      ),
    });
    await refused(await headerOf(8_192, MAX_PIXELS / 8_192 + 1)).toThrow('pixels. Scale it down');
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 2 ** 20);
  });

  it.each(['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif'] as const)(
    'a %s that is cut off',
    async (format) => {
      const file = await noise().toFormat(format).toBuffer();
      expect(await inspectUpload(file)).toEqual({ width: 256, height: 256 });
      await refused(file.subarray(0, Math.floor(file.length * 0.6))).toMatchObject({
        kind: 'request',
        message: expect.stringMatching(/^the picture is refused: .*(export it again|Send PNG)/s),
      });
    },
  );

  it('a PNG whose data is damaged', async () => {
    const file = await noise().png().toBuffer();
    file.fill(0, file.length >> 1, (file.length >> 1) + 2_000);
    await refused(file).toMatchObject({ kind: 'request' });
  });
});
