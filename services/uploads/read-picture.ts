import { DarkroomError } from '@darkroom/contract';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { type Orientation, turn } from './orientation.ts';
import type { Pixels, Size } from './pixels.ts';
import { createPlaces } from './places.ts';
import { resample } from './resample.ts';

/** Pixels of the largest picture that is decoded: 2^25, of 8192 by 4096 for example. */
export const MAX_PIXELS = 2 ** 25;

/** How long a decoder may take, in seconds. */
const TIME_LIMIT_S = 20;

/**
 * The decoders that are used, by libvips' names; all others are blocked for the whole process. SVG,
 * PDF and ImageMagick's read files and URLs that a picture names.
 */
const DECODERS = ['Png', 'Jpeg', 'Webp', 'Nsgif', 'Tiff', 'Heif'];
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: DECODERS.map((name) => `VipsForeignLoad${name}`) });
// No picture comes twice in a row, and several at once use all cores.
sharp.cache(false);
sharp.concurrency(1);

/** Decoding is threads and memory beside the event loop: two at a time, the others wait. */
const inPlace = createPlaces(2);

/**
 * What a file's header says, before any pixel is decoded.
 *
 * @throws DarkroomError `request` for what is no picture of a known format, or too large
 */
async function readHeader(file: Uint8Array): Promise<Metadata> {
  const header =
    file.length === 0
      ? undefined
      : await open(file)
          .metadata()
          .catch(() => undefined);
  if (header === undefined) {
    throw refusal(
      'it is not a picture of a known format',
      'Send PNG, JPEG, WebP, GIF, TIFF or AVIF',
    );
  }
  const { width } = header;
  // Of an animation the frames lie below each other.
  const height = header.pageHeight ?? header.height;
  if (width * height > MAX_PIXELS) {
    const limit = `${MAX_PIXELS} pixels, of 8192×4096 for example`;
    throw refusal(`it has ${width}×${height} pixels`, `Scale it down to at most ${limit}`);
  }
  return { ...header, height };
}

/** Width and height once the picture is turned as its EXIF orientation says. */
export async function uprightSize(file: Uint8Array): Promise<Size> {
  const { width, height, orientation } = await inPlace(() => readHeader(file));
  return isOnItsSide(orientation) ? { width: height, height: width } : { width, height };
}

/**
 * Decodes from the first byte to the last and keeps nothing.
 *
 * @throws DarkroomError `request` for what is no picture, too large, damaged or cut off
 */
export async function decodeOnce(file: Uint8Array): Promise<void> {
  await inPlace(async () => {
    const header = await readHeader(file);
    await decoded(firstFrame(file, header, '#ffffff').resize(16, 16, { fastShrinkOnLoad: false }));
  });
}

/**
 * The first frame as sRGB of 8 bit, from whatever colours it has, turned as its EXIF orientation says
 * and stretched to the size. What is transparent shows the background.
 *
 * @param use what to make of the pixels before they are stretched
 * @throws DarkroomError `request` for what is no picture, too large, damaged or cut off
 */
export async function readPicture(
  file: Uint8Array,
  { width, height }: Size,
  background: string,
  use: (pixels: Pixels) => Pixels = (pixels) => pixels,
): Promise<Pixels> {
  return await inPlace(async () => {
    const header = await readHeader(file);
    const { orientation } = header;
    const pixels = use(await decoded(firstFrame(file, header, background)));
    // Turned last: there is less of it then.
    const downFirst = isOnItsSide(orientation);
    const size = downFirst ? { width: height, height: width } : { width, height };
    const stretched = await resample(pixels, size, { downFirst });
    return turn(stretched, (orientation ?? 1) as Orientation);
  });
}

const firstFrame = (file: Uint8Array, { hasAlpha }: Metadata, background: string): Sharp =>
  hasAlpha ? open(file).flatten({ background }) : open(file);

async function decoded(picture: Sharp): Promise<Pixels> {
  const { data, info } = await picture
    .toColourspace('srgb')
    .timeout({ seconds: TIME_LIMIT_S })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw refusal(
        `it cannot be decoded (${reasonOf(error)})`,
        'The file may be damaged or cut off: export it again, as PNG for example',
        error,
      );
    });
  const { width, height, channels } = info;
  return { data: asRgb(data, channels), width, height, channels: 3 };
}

const open = (file: Uint8Array): Sharp =>
  sharp(file, { limitInputPixels: false, failOn: 'error', sequentialRead: true, pages: 1 });

/** Of the EXIF orientations, those that exchange width and height. */
const isOnItsSide = (orientation = 1): boolean => orientation >= 5;

/** Grey has one channel, or two. */
function asRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)]!;
  }
  return rgb;
}

/** The first line of what libvips says. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 120) ?? '';

const refusal = (why: string, remedy: string, cause?: unknown): DarkroomError =>
  new DarkroomError('request', `the picture is refused: ${why}. ${remedy}.`, { cause });
