import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PictureRequest, Task } from '../pipelines/pipeline.ts';
import { fixturePath, readFixture } from './fixtures.ts';

/** A picture that diffusers made with tiny networks, see reference/make_families.py. */
export type FamilyCase = {
  folder: string;
  networks: string;
  request: Omit<PictureRequest, 'width' | 'height'> & { task?: Task };
  standardDeviation: number;
  /** Share of values at 0 or 255. */
  clipped: number;
};

export const { width, height, cases } = readFixture<{
  width: number;
  height: number;
  cases: FamilyCase[];
}>('families/cases.json');

/** The case's request as the engine takes it. */
export function requestOf({ request: { task, ...request } }: FamilyCase): PictureRequest {
  return {
    ...request,
    width,
    height,
    ...(task !== undefined && { initImage: initImage() }),
    ...(task === 'inpainting' && { mask: mask() }),
  };
}

/** A folder as people have it: the networks of one and the published JSON of another. */
export async function assembleModel(published: string, networks: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'model-'));
  const from = fixturePath('families/networks');
  await cp(join(from, networks), folder, { recursive: true });
  await cp(fixturePath(`families/published/${published}`), folder, { recursive: true });
  return folder;
}

/** The picture that make_families.py starts from, [3, height, width] in −1 to 1. */
const initImage = (): Float32Array =>
  pixels(3, (c, y, x) => {
    const value = (5 * x + 7 * y + 60 * c + Math.floor((x * y) / 3)) % 256;
    return Math.fround(2 * Math.fround(value / 255) - 1);
  });

/** The mask of make_families.py, [1, height, width] in 0 to 1. */
const mask = (): Float32Array =>
  pixels(1, (_, y, x) => (x >= 10 && x < 30 && y >= 6 ? 140 : 100) / 255);

function pixels(channels: number, at: (c: number, y: number, x: number) => number): Float32Array {
  const area = width * height;
  return Float32Array.from({ length: channels * area }, (_, i) =>
    at(Math.floor(i / area), Math.floor((i % area) / width), i % width),
  );
}
