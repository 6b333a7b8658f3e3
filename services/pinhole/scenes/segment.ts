import { SIDE } from './draw.ts';
import type { Colour } from './words.ts';
import { COLOURS, colours } from './words.ts';

/** One connected thing that is not ground. */
export interface Blob {
  /** How much of each pixel it covers, 0…1: [SIDE × SIDE]. */
  readonly mask: Float32Array;
  readonly area: number;
  /** Centroid in pixels. */
  readonly x: number;
  readonly y: number;
  /** Median colour of its inside. */
  readonly colour: readonly number[];
}

type Channels = 3 | 4;

/** RGB distance beyond which a pixel is not ground; the closest two colours are 87 apart. */
const NOT_GROUND = 36;
/** Specks below this many pixels are noise, not objects; the smallest object covers over 70. */
const MINIMUM_AREA = 30;

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));
}

export function nearestColour(rgb: readonly number[]): Colour {
  return colours.reduce((best, colour) =>
    distance(COLOURS[colour], rgb) < distance(COLOURS[best], rgb) ? colour : best,
  );
}

/** The median colour of the outermost frame of pixels, where no object reaches. */
export function groundOf(pixels: Uint8Array, channels: Channels): readonly number[] {
  const frame: number[] = [];
  for (let i = 0; i < SIDE * SIDE; i++) {
    const [column, row] = [i % SIDE, Math.floor(i / SIDE)];
    if (Math.min(column, row) === 0 || Math.max(column, row) === SIDE - 1) frame.push(i);
  }
  return medianColour(pixels, frame, channels);
}

/** All things on the ground, the largest first. */
export function findBlobs(
  pixels: Uint8Array,
  ground: readonly number[],
  channels: Channels,
): readonly Blob[] {
  const free = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < free.length; i++) {
    const at = i * channels;
    const [red = 0, green = 0, blue = 0] = ground;
    const squared =
      ((pixels[at] ?? 0) - red) ** 2 +
      ((pixels[at + 1] ?? 0) - green) ** 2 +
      ((pixels[at + 2] ?? 0) - blue) ** 2;
    free[i] = squared > NOT_GROUND ** 2 ? 1 : 0;
  }
  const blobs: Blob[] = [];
  for (let i = 0; i < free.length; i++) {
    if (free[i] !== 1) continue;
    const members = flood(free, i);
    if (members.length >= MINIMUM_AREA) blobs.push(toBlob(pixels, members, ground, channels));
  }
  return blobs.toSorted((a, b) => b.area - a.area);
}

/** Collects the free pixels connected to the start by their sides, and marks them taken. */
function flood(free: Uint8Array, start: number): number[] {
  const members = [start];
  free[start] = 0;
  for (const i of members) {
    const column = i % SIDE;
    const beside = [i - SIDE, i + SIDE];
    if (column > 0) beside.push(i - 1);
    if (column < SIDE - 1) beside.push(i + 1);
    for (const next of beside) {
      if (free[next] !== 1) continue;
      free[next] = 0;
      members.push(next);
    }
  }
  return members;
}

function toBlob(
  pixels: Uint8Array,
  members: readonly number[],
  ground: readonly number[],
  channels: Channels,
): Blob {
  const colour = medianColour(pixels, inner(members), channels);
  const span = colour.map((value, i) => value - (ground[i] ?? 0));
  const length = span.reduce((sum, value) => sum + value * value, 0);
  const mask = new Float32Array(SIDE * SIDE);
  let [area, sumX, sumY] = [0, 0, 0];
  for (const i of members) {
    // Where the pixel lies on the way from ground to object colour: its share of the object.
    const at = colourAt(pixels, i, channels);
    const along = at.reduce((sum, v, c) => sum + (v - (ground[c] ?? 0)) * (span[c] ?? 0), 0);
    const share = Math.min(1, Math.max(0, length === 0 ? 0 : along / length));
    mask[i] = share;
    area += share;
    sumX += share * ((i % SIDE) + 0.5);
    sumY += share * (Math.floor(i / SIDE) + 0.5);
  }
  return { mask, area, x: sumX / area, y: sumY / area, colour };
}

/** The members with all four neighbours in the blob: no edge smoothing in their colour. */
function inner(members: readonly number[]): readonly number[] {
  const set = new Set(members);
  const inside = members.filter((i) => [i - SIDE, i + SIDE, i - 1, i + 1].every((n) => set.has(n)));
  return inside.length > 0 ? inside : members;
}

function medianColour(
  pixels: Uint8Array,
  indices: readonly number[],
  channels: Channels,
): readonly number[] {
  return [0, 1, 2].map((channel) => {
    const values = indices.map((i) => pixels[i * channels + channel] ?? 0);
    return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  });
}

function colourAt(pixels: Uint8Array, i: number, channels: Channels): readonly number[] {
  return [0, 1, 2].map((channel) => pixels[i * channels + channel] ?? 0);
}
