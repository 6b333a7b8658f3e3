import { decode, encode } from 'fast-png';

export type SheetOptions = {
  /** Pictures in a row. */
  columns: number;
  /** Every pixel becomes a square of this side. */
  zoom: number;
  /** Between the pictures and around them, in pixels of the sheet. */
  gap: number;
};

/**
 * Lays PNG pictures of one size out in rows on white, enlarged without smoothing.
 *
 * @param pictures RGB or RGBA PNG files, 8 bit, in reading order
 * @returns an RGB PNG file
 */
export function contactSheet(pictures: readonly Uint8Array[], options: SheetOptions): Uint8Array {
  const { columns, zoom, gap } = options;
  const images = pictures.map((file) => decode(file));
  const [first] = images;
  if (first === undefined) throw new RangeError('a contact sheet needs at least one picture');

  const across = Math.min(columns, images.length);
  const down = Math.ceil(images.length / columns);
  const width = gap + across * (first.width * zoom + gap);
  const height = gap + down * (first.height * zoom + gap);
  const data = new Uint8Array(width * height * 3).fill(255);

  images.forEach((image, index) => {
    const left = gap + (index % columns) * (first.width * zoom + gap);
    const top = gap + Math.floor(index / columns) * (first.height * zoom + gap);
    for (let y = 0; y < image.height * zoom; y++) {
      for (let x = 0; x < image.width * zoom; x++) {
        const from = (Math.floor(y / zoom) * image.width + Math.floor(x / zoom)) * image.channels;
        const to = ((top + y) * width + left + x) * 3;
        for (let channel = 0; channel < 3; channel++) {
          data[to + channel] = image.data[from + channel] ?? 0;
        }
      }
    }
  });
  return encode({ width, height, data, channels: 3, depth: 8 });
}
