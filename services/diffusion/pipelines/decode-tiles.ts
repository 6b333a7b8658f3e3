/** Sides of a square tile. */
export type TileSize = { latents: number; pixels: number };

/** Of a tile's side, the part that it shares with its neighbour. */
const OVERLAP = 0.25;

/** [3, height, width] of a tile. */
type Tile = { data: Float32Array; height: number; width: number };

/**
 * Decodes latents tile by tile and blends each linearly into those above and to the left, as
 * diffusers' `AutoencoderKL.tiled_decode`. Seams are not seen; colours can differ from those of one
 * decoding, for a tile is normalised by itself.
 *
 * @param latents their sides
 * @param tile in multiples of 4 latents
 * @param decode a part of the latents to [3, height, width] pixels, `tile.pixels` for `tile.latents`
 * @returns [3, height, width] pixels of the whole
 */
export async function decodeTiles(
  latents: { height: number; width: number },
  tile: TileSize,
  decode: (part: { y: number; x: number; height: number; width: number }) => Promise<Float32Array>,
): Promise<Float32Array> {
  const factor = tile.pixels / tile.latents;
  const pace = tile.latents * (1 - OVERLAP);
  const blended = tile.pixels * OVERLAP;
  /** What is kept of a tile: its end is seen through the next one. */
  const kept = tile.pixels - blended;
  const whole: Tile = {
    data: new Float32Array(3 * latents.height * latents.width * factor * factor),
    height: latents.height * factor,
    width: latents.width * factor,
  };
  let above: Tile[] = [];
  for (let y = 0; y < latents.height; y += pace) {
    const row: Tile[] = [];
    for (let x = 0; x < latents.width; x += pace) {
      const height = Math.min(tile.latents, latents.height - y);
      const width = Math.min(tile.latents, latents.width - x);
      const data = await decode({ y, x, height, width });
      const decoded = { data, height: height * factor, width: width * factor };
      const [top, left] = [above[row.length], row.at(-1)];
      if (top !== undefined) blendRows(top, decoded, blended);
      if (left !== undefined) blendColumns(left, decoded, blended);
      place(decoded, whole, { y: y * factor, x: x * factor, side: kept });
      row.push(decoded);
    }
    above = row;
  }
  return whole.data;
}

/** The first rows of `below` come out of the last ones of `above`. */
function blendRows(above: Tile, below: Tile, extent: number): void {
  const count = Math.min(above.height, below.height, extent);
  const { width } = below;
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < count; y++) {
      const share = y / count;
      const from = (channel * above.height + above.height - count + y) * above.width;
      const to = (channel * below.height + y) * width;
      for (let x = 0; x < width; x++) {
        below.data[to + x] = above.data[from + x]! * (1 - share) + below.data[to + x]! * share;
      }
    }
  }
}

/** The first columns of `right` come out of the last ones of `left`. */
function blendColumns(left: Tile, right: Tile, extent: number): void {
  const count = Math.min(left.width, right.width, extent);
  for (let row = 0; row < 3 * right.height; row++) {
    const from = row * left.width + left.width - count;
    const to = row * right.width;
    for (let x = 0; x < count; x++) {
      const share = x / count;
      right.data[to + x] = left.data[from + x]! * (1 - share) + right.data[to + x]! * share;
    }
  }
}

function place(tile: Tile, whole: Tile, at: { y: number; x: number; side: number }): void {
  const width = Math.min(tile.width, at.side);
  const height = Math.min(tile.height, at.side);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) {
      const from = (channel * tile.height + y) * tile.width;
      const to = (channel * whole.height + at.y + y) * whole.width + at.x;
      whole.data.set(tile.data.subarray(from, from + width), to);
    }
  }
}
