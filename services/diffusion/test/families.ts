import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath } from './fixtures.ts';

/** A folder as people have it: the networks of one and the published JSON of another. */
export async function assembleModel(published: string, networks: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'model-'));
  const from = fixturePath('families/networks');
  // One set of networks with two ways to pad: it has a tokenizer of its own and no networks.
  if (networks.endsWith('-padded')) {
    await cp(join(from, networks.replace('-padded', '')), folder, { recursive: true });
    await rm(join(folder, 'tokenizer'), { recursive: true });
  }
  await cp(join(from, networks), folder, { recursive: true });
  await cp(fixturePath(`families/published/${published}`), folder, { recursive: true });
  return folder;
}

/** The picture that make_families.py starts from, [3, height, width] in −1 to 1. */
export const initImage = (width: number, height: number): Float32Array =>
  pixels(3, width, height, (c, y, x) => {
    const value = (5 * x + 7 * y + 60 * c + Math.floor((x * y) / 3)) % 256;
    return Math.fround(2 * Math.fround(value / 255) - 1);
  });

/** The mask of make_families.py, [1, height, width] in 0 to 1. */
export const mask = (width: number, height: number): Float32Array =>
  pixels(1, width, height, (_, y, x) => (x >= 10 && x < 30 && y >= 6 ? 140 : 100) / 255);

function pixels(
  channels: number,
  width: number,
  height: number,
  at: (c: number, y: number, x: number) => number,
): Float32Array {
  const area = width * height;
  return Float32Array.from({ length: channels * area }, (_, i) =>
    at(Math.floor(i / area), Math.floor((i % area) / width), i % width),
  );
}
