/**
 * Writes the training set: node training/write-scenes.ts FOLDER [COUNT] [SEED]
 *
 * images.bin: COUNT × 64 × 64 × 3 bytes. scenes.jsonl: one line per image with its captions and
 * attributes. No held-out combination is ever written.
 */
import { once } from 'node:events';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scene } from '../scenes/index.ts';
import { describe, drawScene, sampleScene, seeded } from '../scenes/index.ts';

/** Prompts per picture, so that one picture is asked for in several ways. */
const CAPTIONS = 3;
/** Two objects are the harder half, so they get more than half of the pictures. */
const PAIR_SHARE = 0.6;

const [folder, count = '80000', seed = '1'] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: write-scenes.ts FOLDER [COUNT] [SEED]');

const random = seeded(Number(seed));
mkdirSync(folder, { recursive: true });
const images = createWriteStream(join(folder, 'images.bin'));
const lines: string[] = [];
for (let i = 0; i < Number(count); i++) {
  const objects = random() < PAIR_SHARE ? 2 : 1;
  const scene = sampleScene(random, { heldOut: false, objects });
  if (!images.write(drawScene(scene))) await once(images, 'drain');
  lines.push(JSON.stringify(toLine(scene)));
}
images.end();
writeFileSync(join(folder, 'scenes.jsonl'), `${lines.join('\n')}\n`);

function toLine(scene: Scene) {
  const { ground, place = null, relation = null, named } = scene;
  const objects = scene.objects.map(({ colour, shape, size }) => ({ colour, shape, size }));
  const captions = Array.from({ length: CAPTIONS }, () => describe(scene, random));
  return { captions, ground, objects, place, relation, named };
}
