import { coverage, SIDE } from './draw.ts';
import type { Scene, SceneObject } from './grammar.ts';
import { type Blob, findBlobs, groundOf, nearestColour } from './segment.ts';
import type { Colour, Place, Relation, Shape, Size } from './words.ts';
import { PLACES, shapes } from './words.ts';

/** One verdict per attribute the caption named; undefined where it left the attribute open. */
export interface Verdict {
  readonly count: boolean;
  readonly groundColour: boolean | undefined;
  /** For two objects, true only when both are right. */
  readonly objectColour: boolean;
  readonly shape: boolean;
  readonly size: boolean | undefined;
  /** The place of a single object, or the relation of two. */
  readonly place: boolean | undefined;
}

/** What the measurement saw, in the words of the grammar. */
export interface Seen {
  readonly colour: Colour;
  readonly shape: Shape;
  readonly size: Size;
  readonly x: number;
  readonly y: number;
}

/** Points per pixel side when an ideal shape is fitted: plenty to tell shapes apart. */
const FIT_SAMPLES = 2;
/** Between the largest small and the smallest large radius. */
const SIZE_BORDER = 10.5;
/** Pixels from the centre beyond which an object is off-centre: half of the grammar's place step. */
const PLACE_BORDER = 7;

/** All that the judge measures, before it knows what was asked for. */
export interface Look {
  readonly ground: Colour;
  /** How many things lie on the ground. */
  readonly count: number;
  /** The largest two of them. */
  readonly seen: readonly Seen[];
}

/**
 * Scores a picture against the scene its prompt was made from, by pixel measurements alone.
 * `pixels` is 64×64 RGB (or RGBA with `channels` 4), row by row.
 */
export function judge(pixels: Uint8Array, scene: Scene, channels: 3 | 4 = 3): Verdict {
  return compare(look(pixels, channels), scene);
}

export function look(pixels: Uint8Array, channels: 3 | 4 = 3): Look {
  const ground = groundOf(pixels, channels);
  const blobs = findBlobs(pixels, ground, channels);
  return {
    ground: nearestColour(ground),
    count: blobs.length,
    seen: blobs.slice(0, 2).map(measure),
  };
}

export function compare(looked: Look, scene: Scene): Verdict {
  const { named } = scene;
  const wanted: readonly SceneObject[] = scene.objects;
  const seen = matchUp(looked.seen.slice(0, wanted.length), wanted);
  const all = (right: (one: Seen, object: SceneObject, index: number) => boolean): boolean =>
    wanted.every((object, i) => {
      const one = seen[i];
      return one !== undefined && right(one, object, i);
    });
  return {
    count: looked.count === wanted.length,
    groundColour: named.ground ? looked.ground === scene.ground : undefined,
    objectColour: all((one, object) => one.colour === object.colour),
    shape: all((one, object) => one.shape === object.shape),
    size: named.sizes.includes(true)
      ? all((one, object, i) => named.sizes[i] !== true || one.size === object.size)
      : undefined,
    place: named.place ? placeIsRight(seen, scene) : undefined,
  };
}

/** Reads shape, size and centre off one blob by fitting every ideal shape to it. */
function measure(blob: Blob): Seen {
  let best: { shape: Shape; radius: number; overlap: number } | undefined;
  for (const shape of shapes) {
    const { radius, dx, dy } = fit(shape, blob);
    const overlap = intersectionOverUnion(
      blob.mask,
      coverage(shape, blob.x + dx, blob.y + dy, radius, FIT_SAMPLES),
    );
    if (best === undefined || overlap > best.overlap) best = { shape, radius, overlap };
  }
  const { shape = 'circle', radius = 0 } = best ?? {};
  const size = radius < SIZE_BORDER ? 'small' : 'large';
  return { colour: nearestColour(blob.colour), shape, size, x: blob.x, y: blob.y };
}

/** Area and centroid offset of each shape drawn with radius 1. */
const unitShapes = new Map(
  shapes.map((shape) => {
    const radius = 24;
    const mask = coverage(shape, SIDE / 2, SIDE / 2, radius);
    let area = 0;
    let sumX = 0;
    let sumY = 0;
    for (const [i, share] of mask.entries()) {
      area += share;
      sumX += share * ((i % SIDE) + 0.5);
      sumY += share * (Math.floor(i / SIDE) + 0.5);
    }
    const offset = (sum: number) => (sum / area - SIDE / 2) / radius;
    return [shape, { area: area / radius ** 2, dx: offset(sumX), dy: offset(sumY) }] as const;
  }),
);

/** The radius that gives the shape the blob's area, and the shift that makes centroids agree. */
function fit(shape: Shape, blob: Blob): { radius: number; dx: number; dy: number } {
  const unit = unitShapes.get(shape);
  if (unit === undefined) throw new Error(`no such shape: ${shape}`);
  const radius = Math.sqrt(blob.area / unit.area);
  return { radius, dx: -unit.dx * radius, dy: -unit.dy * radius };
}

function intersectionOverUnion(a: Float32Array, b: Float32Array): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i++) {
    const [one, other] = [a[i] ?? 0, b[i] ?? 0];
    both += Math.min(one, other);
    either += Math.max(one, other);
  }
  return either === 0 ? 0 : both / either;
}

/** Pairs what was seen with what was wanted, in the order that agrees in most colours and shapes. */
function matchUp(seen: readonly Seen[], wanted: readonly SceneObject[]): readonly Seen[] {
  const agreement = (order: readonly Seen[]): number =>
    wanted.reduce((sum, object, i) => {
      const one = order[i];
      if (one === undefined) return sum;
      return sum + (one.colour === object.colour ? 2 : 0) + (one.shape === object.shape ? 1 : 0);
    }, 0);
  const turned = seen.toReversed();
  return seen.length === 2 && agreement(turned) > agreement(seen) ? turned : seen;
}

function placeIsRight(seen: readonly Seen[], scene: Scene): boolean {
  const [first, second] = seen;
  if (first === undefined) return false;
  if (scene.relation !== undefined) {
    return second !== undefined && relationHolds(scene.relation, first, second);
  }
  return scene.place !== undefined && isAt(scene.place, first);
}

function isAt(place: Place, { x, y }: Seen): boolean {
  const cell = (at: number) =>
    Math.abs(at - SIDE / 2) <= PLACE_BORDER ? 0 : Math.sign(at - SIDE / 2);
  const [column, row] = PLACES[place];
  return cell(x) === column && cell(y) === row;
}

/** The relation must be the main direction from one object to the other, not just a tendency. */
function relationHolds(relation: Relation, first: Seen, second: Seen): boolean {
  const dx = second.x - first.x;
  const dy = second.y - first.y;
  const across = Math.abs(dx) > Math.abs(dy);
  if (relation === 'left of') return across && dx > 0;
  if (relation === 'right of') return across && dx < 0;
  return !across && (relation === 'above' ? dy > 0 : dy < 0);
}
