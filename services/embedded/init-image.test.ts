import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type DarkroomClient, type Generation } from '@darkroom/client/source';
import { decode, encode } from 'fast-png';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Embedded, startEmbedded } from './start-embedded.ts';

let folder: string;
let service: Embedded;
let client: DarkroomClient;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-init-image-'));
  service = await startEmbedded({ dataDir: folder, port: 0 });
  client = createClient({ url: service.url });
  const prompt = 'a large green square on a yellow background';
  const { images } = await client.generate({ prompt, seed: 3 });
  expect(images).toMatchObject([{ provider: 'cpu' }]);
  square = await client.fetchImage(images[0]!);
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A PNG of 64×64 pixels. */
const png = (colourAt: (x: number, y: number) => readonly number[]): Uint8Array => {
  const data = new Uint8Array(64 * 64 * 3);
  for (let i = 0; i < 64 * 64; i++) data.set(colourAt(i % 64, Math.floor(i / 64)), i * 3);
  return encode({ width: 64, height: 64, channels: 3, depth: 8, data });
};

/** A picture of the model's own kind: others its small VAE does not keep well. */
let square: Uint8Array;
/** Its right half is to be painted. */
const rightHalf = png((x) => (x >= 32 ? [255, 255, 255] : [0, 0, 0]));

const request = { prompt: 'a large red star on a blue background', seed: 7, steps: 12 };

async function pixelsOf(generation: Generation): Promise<Uint8Array> {
  expect(generation.error).toBeNull();
  expect(generation.state).toBe('succeeded');
  expect(generation.progress).toEqual({ step: 12, steps: 12 });
  const file = await client.fetchImage(generation.images[0]!);
  return Uint8Array.from(decode(file).data);
}

/** Mean of the absolute differences, of 255, over the pixels of some columns. */
function difference(
  one: Uint8Array,
  other: Uint8Array,
  columns: [number, number] = [0, 64],
): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    const x = Math.floor(i / 3) % 64;
    if (x < columns[0] || x >= columns[1]) continue;
    sum += Math.abs(one[i]! - other[i]!);
    count += 1;
  }
  return sum / count;
}

it('starts from a picture, and leaves the more of it the lower the strength', async () => {
  const { upload, ...size } = await client.upload(square);
  expect(size).toEqual({ width: 64, height: 64, bytes: square.length });
  const original = Uint8Array.from(decode(square).data);
  const text = await pixelsOf(await client.generate(request));
  const of = async (strength: number) =>
    pixelsOf(await client.generate({ ...request, initImage: upload, strength }));
  const [low, high] = [await of(0.2), await of(0.5)];
  expect(difference(low, original)).toBeGreaterThan(1);
  expect(difference(low, original)).toBeLessThan(20);
  expect(difference(high, original)).toBeGreaterThan(100);
  expect(difference(text, original)).toBeGreaterThan(100);
  expect(difference(low, text)).toBeGreaterThan(100);
});

it('paints under the mask alone', async () => {
  const [initImage, mask] = await Promise.all([client.upload(square), client.upload(rightHalf)]);
  const generation = await client.generate({
    ...request,
    initImage: initImage.upload,
    mask: mask.upload,
  });
  expect(generation.request).toMatchObject({ initImage: initImage.upload, mask: mask.upload });
  const made = await pixelsOf(generation);
  const original = Uint8Array.from(decode(square).data);
  expect(difference(made, original, [0, 24])).toBeLessThan(8);
  expect(difference(made, original, [36, 64])).toBeGreaterThan(16);
});

it('takes small files as base64, and keeps the reference', async () => {
  const { upload } = await client.upload(square);
  const key = { ...request, strength: 0.5, idempotencyKey: 'inline' };
  const inline = { ...key, initImage: Buffer.from(square).toString('base64') };
  const first = await client.generate(inline);
  expect(first.request.initImage).toBe(upload);
  expect((await client.generate(inline)).id).toBe(first.id);
  expect((await client.generate({ ...key, initImage: upload })).id).toBe(first.id);
});
