import { readFile } from 'node:fs/promises';
import { METADATA_KEYWORD, type PictureMetadata, pictureMetadata } from '@darkroom/contract';
import { PngError, readPngText } from '@darkroom/diffusion/png-text';
import { decode } from 'fast-png';
import { z } from 'zod';
import { CommandFailure } from './failure.ts';

/** A picture's file with what made it. */
export type MadePicture = { png: Uint8Array; metadata: PictureMetadata };

/** What made a picture, as its file says; undefined where the file does not. */
export function metadataOf(png: Uint8Array): PictureMetadata | undefined {
  const text = readPngText(png)[METADATA_KEYWORD];
  if (text === undefined) return undefined;
  const result = pictureMetadata.safeParse(parseJson(text));
  if (result.success) return result.data;
  throw new PngError(`its metadata are of another release: ${z.prettifyError(result.error)}`);
}

/**
 * A PNG file that carries what made it, and whose pixels are still those that came of it.
 *
 * @throws CommandFailure that says what is wrong with the file and what to do
 */
export async function readMadePicture(file: string): Promise<MadePicture> {
  const png = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailure(
      error.code === 'ENOENT'
        ? `there is no file ${file}`
        : `cannot read ${file}: ${error.message}`,
    );
  });
  try {
    const metadata = metadataOf(png);
    if (metadata === undefined) throw new CommandFailure(withoutMetadata(file));
    const { width, height, channels, depth } = decode(png);
    const { request } = metadata;
    if (width !== request.width || height !== request.height || channels !== 3 || depth !== 8) {
      throw new CommandFailure(
        `${file} was changed after it was made: it has ${width}×${height} pixels of ${channels} channels with ` +
          `${depth} bit, and was made with ${request.width}×${request.height} of 3 with 8. Reproduce the original file`,
      );
    }
    return { png, metadata };
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    // What the decoder throws of pixels that are no zlib stream, or too few.
    const why = error instanceof PngError ? error.message : `its pixels are damaged (${error})`;
    throw new CommandFailure(`${file} cannot be made again: ${why}`);
  }
}

const withoutMetadata = (file: string): string =>
  `${file} does not say what made it. Darkroom writes that into its files unless PICTURE_METADATA=0, and ` +
  'programs that save a picture again may drop it; use the original file';

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
