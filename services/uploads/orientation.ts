import type { Pixels } from './pixels.ts';

/** EXIF's `Orientation`, tag 274: https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/**
 * Where a pixel of the upright picture lies in the stored one: whether x and y are exchanged, and
 * which of the stored picture's sides it is counted from, left or right and top or bottom.
 */
const HOW: Readonly<Record<Orientation, [swap: boolean, fromRight: boolean, fromBottom: boolean]>> =
  {
    1: [false, false, false],
    2: [false, true, false],
    3: [false, true, true],
    4: [false, false, true],
    5: [true, false, false],
    6: [true, false, true],
    7: [true, true, true],
    8: [true, true, false],
  };

/** Turns stored pixels upright. */
export function turn(stored: Pixels, orientation: Orientation): Pixels {
  const [swap, fromRight, fromBottom] = HOW[orientation] ?? HOW[1];
  if (!swap && !fromRight && !fromBottom) return stored;
  const { data, width, height, channels } = stored;
  const [across, down] = swap ? [height, width] : [width, height];
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const [column, row] = swap ? [y, x] : [x, y];
      const fromX = fromRight ? width - 1 - column : column;
      const fromY = fromBottom ? height - 1 - row : row;
      const from = (fromY * width + fromX) * channels;
      turned.set(data.subarray(from, from + channels), (y * across + x) * channels);
    }
  }
  return { data: turned, width: across, height: down, channels };
}
