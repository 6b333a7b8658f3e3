import { between, fnv1a, pick, type Random } from './random.ts';
import type { Colour, Place, Relation, Shape, Size } from './words.ts';
import { colours, PLACES, places, relations, shapes, sizes } from './words.ts';

export interface SceneObject {
  readonly colour: Colour;
  readonly shape: Shape;
  readonly size: Size;
  /** Centre and nominal radius in pixels of the 64×64 picture. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** What a caption of the scene says; the judge asks for nothing else. */
export interface Named {
  readonly ground: boolean;
  /** One per object. */
  readonly sizes: readonly boolean[];
  /** The place of a single object, or the relation of two. */
  readonly place: boolean;
}

export interface Scene {
  readonly ground: Colour;
  readonly objects: readonly [SceneObject] | readonly [SceneObject, SceneObject];
  /** Where the only object is. */
  readonly place?: Place;
  /** Where the first of two objects is, seen from the second. */
  readonly relation?: Relation;
  readonly named: Named;
}

export interface SceneOptions {
  /** true: only combinations never trained on; false: only the others. */
  readonly heldOut: boolean;
  readonly objects: 1 | 2;
  /** Name every attribute in the caption; otherwise some are left unsaid. */
  readonly complete?: boolean;
}

/** One combination in ten is kept out of training. */
const HELD_OUT_SHARE = 10;

const isHeldOutKey = (key: string): boolean => fnv1a(key) % HELD_OUT_SHARE === 0;

/**
 * A scene is held out when colour, shape and ground of any object, or the pair of coloured shapes
 * (in either order), form a held-out combination. Training never draws such a scene, whatever the
 * sizes and places, so a held-out prompt asks for attributes never seen together.
 */
export function isHeldOut(scene: Pick<Scene, 'ground' | 'objects'>): boolean {
  const coloured = scene.objects.map((o) => `${o.colour} ${o.shape}`);
  if (coloured.some((o) => isHeldOutKey(`${o} on ${scene.ground}`))) return true;
  return coloured.length === 2 && isHeldOutKey(coloured.toSorted().join(' with '));
}

const CENTRE = 32;
/** How far a place lies from the centre, and how far two objects do. */
const PLACE_STEP = 14;
const PAIR_STEP = 15.5;

function sizeToRadius(random: Random, size: Size, objects: 1 | 2): number {
  if (size === 'small') return between(random, 7.5, 9);
  // A large object of a pair leaves room for another one beside it.
  return objects === 1 ? between(random, 13.5, 15) : between(random, 12, 13);
}

export function sampleScene(random: Random, options: SceneOptions): Scene {
  for (;;) {
    const scene = options.objects === 1 ? single(random, options) : pair(random, options);
    if (isHeldOut(scene) === options.heldOut) return scene;
  }
}

function single(random: Random, { complete = false }: SceneOptions): Scene {
  const ground = pick(random, colours);
  const colour = pickOther(random, [ground]);
  const place = pick(random, places);
  const [column, row] = PLACES[place];
  const at = (step: number) => CENTRE + step * PLACE_STEP + between(random, -1, 1);
  return {
    ground,
    objects: [sampleObject(random, colour, 1, at(column), at(row))],
    place,
    named: {
      ground: complete || random() < 0.85,
      sizes: [complete || random() < 0.7],
      place: complete || random() < 0.75,
    },
  };
}

function pair(random: Random, { complete = false }: SceneOptions): Scene {
  const ground = pick(random, colours);
  const first = pickOther(random, [ground]);
  const second = pickOther(random, [ground, first]);
  const relation = pick(random, relations);
  const across = relation === 'left of' || relation === 'right of';
  const sign = relation === 'left of' || relation === 'above' ? -1 : 1;
  const place = (colour: Colour, side: number): SceneObject => {
    const along = CENTRE + side * PAIR_STEP + between(random, -0.75, 0.75);
    const aside = CENTRE + between(random, -4, 4);
    return across
      ? sampleObject(random, colour, 2, along, aside)
      : sampleObject(random, colour, 2, aside, along);
  };
  return {
    ground,
    objects: [place(first, sign), place(second, -sign)],
    relation,
    named: {
      ground: complete || random() < 0.85,
      sizes: [complete || random() < 0.5, complete || random() < 0.5],
      place: complete || random() < 0.95,
    },
  };
}

function sampleObject(
  random: Random,
  colour: Colour,
  objects: 1 | 2,
  x: number,
  y: number,
): SceneObject {
  const size = pick(random, sizes);
  const radius = sizeToRadius(random, size, objects);
  return { colour, shape: pick(random, shapes), size, x, y, radius };
}

function pickOther(random: Random, taken: readonly Colour[]): Colour {
  for (;;) {
    const colour = pick(random, colours);
    if (!taken.includes(colour)) return colour;
  }
}
