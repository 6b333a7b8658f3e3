import sharp from 'sharp';

/**
 * RGB of 8 bit, interleaved, as a JPEG file; in threads beside the event loop.
 */
export async function encodeJpeg(pixels: {
  data: Uint8Array;
  /** In pixels. */
  width: number;
  height: number;
}): Promise<Uint8Array> {
  const { data, width, height } = pixels;
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer();
}
