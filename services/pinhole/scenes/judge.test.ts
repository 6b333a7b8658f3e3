import { expect, test } from 'vitest';
import type { Scene } from './index.ts';
import { compare, drawScene, isHeldOut, judge, look, sampleScene, seeded } from './index.ts';

const random = seeded(11);
const scenes = Array.from({ length: 1000 }, (_, i) =>
  sampleScene(random, {
    heldOut: i % 4 === 0,
    objects: i % 2 === 0 ? 1 : 2,
    complete: true,
  }),
);
const looks = scenes.map((scene) => look(drawScene(scene)));

type Attribute = 'count' | 'groundColour' | 'objectColour' | 'shape' | 'size' | 'place';

/** Share of the scenes judged right when scene i is looked for in picture `shown(i)`. */
function shareRight(shown: (index: number) => number): (attribute: Attribute) => number {
  const verdicts = scenes.map((scene, i) => {
    const looked = looks[shown(i)];
    if (looked === undefined) throw new Error(`no picture ${shown(i)}`);
    return compare(looked, scene);
  });
  return (attribute) => verdicts.filter((v) => v[attribute] === true).length / verdicts.length;
}

test('recognises what a program drew', () => {
  const right = shareRight((i) => i);
  for (const attribute of [
    'count',
    'groundColour',
    'objectColour',
    'shape',
    'size',
    'place',
  ] as const) {
    expect(right(attribute), attribute).toBeGreaterThanOrEqual(0.99);
  }
});

test('is right by chance only when the prompts are shuffled', () => {
  // Two on: another scene with as many objects.
  const right = shareRight((i) => (i + 2) % scenes.length);
  expect(right('groundColour')).toBeLessThan(0.15);
  expect(right('objectColour')).toBeLessThan(0.12);
  expect(right('shape')).toBeLessThan(0.15);
  expect(right('place')).toBeLessThan(0.25);
});

test('says nothing about what the prompt leaves open', () => {
  const [scene] = scenes;
  const open: Scene | undefined = scene && {
    ...scene,
    named: { ground: false, sizes: [false], place: false },
  };
  const verdict = open && judge(drawScene(open), open);
  expect(verdict).toMatchObject({ groundColour: undefined, size: undefined, place: undefined });
});

test('reads pictures with an alpha channel alike', () => {
  const scene = scenes[1] as Scene;
  const rgb = drawScene(scene);
  const rgba = new Uint8Array(64 * 64 * 4).fill(255);
  for (let i = 0; i < 64 * 64; i++) rgba.set(rgb.subarray(i * 3, i * 3 + 3), i * 4);
  expect(judge(rgba, scene, 4)).toEqual(judge(rgb, scene));
});

test('an empty picture is wrong in everything but the ground', () => {
  const scene = scenes[0] as Scene;
  const empty = drawScene({ ...scene, objects: [] as unknown as Scene['objects'] });
  expect(judge(empty, scene)).toEqual({
    count: false,
    groundColour: true,
    objectColour: false,
    shape: false,
    size: false,
    place: false,
  });
});

test('keeps about a tenth of the coloured shapes on a ground out of training', () => {
  const held = scenes.filter((scene) => isHeldOut(scene));
  expect(held).toHaveLength(250);
});
