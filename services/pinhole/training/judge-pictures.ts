/**
 * Judges what sample.py drew: node training/judge-pictures.ts FOLDER
 *
 * Reads FOLDER/prompts.jsonl and FOLDER/images.bin and prints the share of pictures that are right
 * in each attribute, for one object, two objects and all.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scene, Verdict } from '../scenes/index.ts';
import { judge, SIDE } from '../scenes/index.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: judge-pictures.ts FOLDER');

const lines = readFileSync(join(folder, 'prompts.jsonl'), 'utf8').trim().split('\n');
const images = readFileSync(join(folder, 'images.bin'));
const size = SIDE * SIDE * 3;
const scenes = lines
  .slice(0, images.length / size)
  .map((line) => (JSON.parse(line) as { scene: Scene }).scene);
const judged = scenes.map((scene, i) => ({
  objects: scene.objects.length,
  verdict: judge(images.subarray(i * size, (i + 1) * size), scene),
}));

const attributes = ['count', 'groundColour', 'objectColour', 'shape', 'size', 'place'] as const;
console.table({
  'one object': shares(judged.filter((one) => one.objects === 1).map((one) => one.verdict)),
  'two objects': shares(judged.filter((one) => one.objects === 2).map((one) => one.verdict)),
  all: shares(judged.map((one) => one.verdict)),
});

function shares(verdicts: readonly Verdict[]): Record<string, number> {
  return Object.fromEntries(
    attributes.map((attribute) => {
      const known = verdicts.filter((verdict) => verdict[attribute] !== undefined);
      const right = known.filter((verdict) => verdict[attribute] === true);
      return [attribute, Number(((100 * right.length) / Math.max(1, known.length)).toFixed(1))];
    }),
  );
}
