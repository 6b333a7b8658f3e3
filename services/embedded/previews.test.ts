import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createClient,
  type DarkroomClient,
  type GenerationInput,
  type Preview,
} from '@darkroom/client/source';
import { decodePicture } from '@darkroom/uploads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Embedded, startEmbedded } from './start-embedded.ts';

let folder: string;
let service: Embedded;
let client: DarkroomClient;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-previews-'));
  service = await startEmbedded({ dataDir: folder, port: 0 });
  client = createClient({ url: service.url });
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

async function previewsOf(input: GenerationInput) {
  const previews: Preview[] = [];
  const began = performance.now();
  const generation = await client.generate(input, {
    onProgress: (_, { preview }) => preview && previews.push(preview),
  });
  expect(generation).toMatchObject({ state: 'succeeded' });
  expect(generation).not.toHaveProperty('preview');
  return { previews, generation, ms: performance.now() - began };
}

const request = {
  prompt: 'a large red star on a blue background',
  steps: 150,
  count: 3,
  seed: 7,
  guidanceScale: 1.5,
};

it('watches show pictures on the way, seldom, small, and like what comes of it', async () => {
  const { previews, generation, ms } = await previewsOf({ ...request, previews: true });
  expect(generation.request.previews).toBe(true);
  expect(previews.length).toBeGreaterThan(1);
  expect(previews.length).toBeLessThanOrEqual(ms / 500 + 1);
  const steps = previews.map(({ step }) => step);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  for (const { index, step } of previews) expect(index).toBe(Math.floor((step - 1) / 150));

  // The model's latents are an eighth of the picture's sides.
  const size = { width: 8, height: 8 };
  const pictures = await Promise.all(
    generation.images.map(async (image) => decodePicture(await client.fetchImage(image), size)),
  );
  // Before, there is little to see.
  const formed = previews.filter(({ index, step }) => step - 150 * index >= 50);
  expect(formed).not.toEqual([]);
  for (const { index, url } of formed) {
    const made = pictures[index]!;
    const pixels = await decodePicture(Buffer.from(url.split(',')[1]!, 'base64'), size);
    const apart = (sign: number) =>
      pixels.reduce((sum, value, i) => sum + Math.abs(value - sign * made[i]!), 0) / made.length;
    // Near to the picture that is made then, far from its negative.
    expect(apart(1)).toBeLessThan(0.5);
    expect(apart(-1)).toBeGreaterThan(0.7);
  }
}, 60_000);

it('shows none to who asks for none, and the pictures are the same', async () => {
  const short = { ...request, steps: 8, count: 1 };
  const without = await previewsOf(short);
  const asked = await previewsOf({ ...short, previews: true });
  expect(without.previews).toEqual([]);
  expect(without.generation.request).not.toHaveProperty('previews');
  expect(asked.generation.images[0]?.sha256).toBe(without.generation.images[0]?.sha256);
});
