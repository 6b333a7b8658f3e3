/** In pixels. */
export type Size = { width: number; height: number };

/** Interleaved, 8 bit, sRGB or brightness. */
export type Pixels = Size & { data: Uint8Array | Uint8ClampedArray; channels: number };

/** RGB as brightness, ITU-R BT.601 as Pillow computes it. */
export function brightness({ data, channels, ...size }: Pixels): Pixels {
  const grey = new Uint8Array(size.width * size.height);
  for (let i = 0; i < grey.length; i++) {
    const at = i * channels;
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    grey[i] = (r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16;
  }
  return { ...size, data: grey, channels: 1 };
}
