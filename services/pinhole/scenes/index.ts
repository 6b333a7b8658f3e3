export { describe } from './describe.ts';
export { drawScene, SIDE } from './draw.ts';
export type { Named, Scene, SceneObject, SceneOptions } from './grammar.ts';
export { isHeldOut, sampleScene } from './grammar.ts';
export type { Look, Seen, Verdict } from './judge.ts';
export { compare, judge, look } from './judge.ts';
export type { Random } from './random.ts';
export { seeded } from './random.ts';
