/**
 * Writes held-out prompts to judge the model by: node training/write-prompts.ts FOLDER [COUNT] [SEED]
 *
 * prompts.jsonl: one line per prompt with its scene, half of them with two objects. Every prompt
 * names every attribute, so that each can be judged. drawn.bin: the scenes as the program draws
 * them, to see what the VAE alone makes of them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, drawScene, sampleScene, seeded } from '../scenes/index.ts';

const [folder, count = '300', seed = '2026'] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: write-prompts.ts FOLDER [COUNT] [SEED]');

const random = seeded(Number(seed));
const asked = Array.from({ length: Number(count) }, (_, i) => {
  const objects = i % 2 === 0 ? 1 : 2;
  const scene = sampleScene(random, { heldOut: true, objects, complete: true });
  return { prompt: describe(scene, random), scene };
});
mkdirSync(folder, { recursive: true });
writeFileSync(
  join(folder, 'prompts.jsonl'),
  `${asked.map((one) => JSON.stringify(one)).join('\n')}\n`,
);
writeFileSync(join(folder, 'drawn.bin'), Buffer.concat(asked.map((one) => drawScene(one.scene))));
