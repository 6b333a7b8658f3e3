import { decodePicture } from '@darkroom/uploads';
import { expect, it, vi } from 'vitest';
import { createPreviews } from './previews.ts';

const map = {
  factors: [
    [1, 0, 0],
    [0, 1, 0],
  ],
  bias: [0, 0, 1],
} as const;

/** Latents of a picture of 128×64 pixels: [2, 8, 16], the left half red, the right half green. */
const latents = Float32Array.from({ length: 2 * 8 * 16 }, (_, i) => {
  const isLeft = i % 16 < 8;
  return isLeft === i < 8 * 16 ? 0.9 : -0.9;
});
const state = {
  step: 3,
  steps: 9,
  latents,
  predicted: latents,
  random: { words: new Uint32Array(624), index: 0, cachedNormal: null },
  history: [],
};
const size = { width: 128, height: 64 };

it('shows latents as a JPEG that any reader of data URLs takes', async () => {
  const told: string[] = [];
  createPreviews(map, size).offer(state, (url) => told.push(url));
  await vi.waitFor(() => expect(told).toHaveLength(1));
  const [type, data = ''] = told[0]!.split(',');
  expect(type).toBe('data:image/jpeg;base64');
  const pixels = await decodePicture(Buffer.from(data, 'base64'), { width: 16, height: 8 });
  const at = (channel: number, x: number) => pixels[channel * 128 + 3 * 16 + x]!;
  expect([at(0, 2), at(1, 2)].map(Math.sign)).toEqual([1, -1]);
  expect([at(0, 13), at(1, 13)].map(Math.sign)).toEqual([-1, 1]);
});

it('passes over steps that come too soon', async () => {
  const told: string[] = [];
  const previews = createPreviews(map, size);
  const began = performance.now();
  while (told.length < 3) {
    previews.offer(state, (url) => told.push(url));
    await new Promise(setImmediate);
  }
  // The first at once, each of the others half a second later.
  expect(performance.now() - began).toBeGreaterThanOrEqual(1_000);
});

it('tells nothing more once stopped', async () => {
  const told: string[] = [];
  const previews = createPreviews(map, size);
  previews.offer(state, (url) => told.push(url));
  previews.stop();
  await vi.waitFor(async () => {
    const other: string[] = [];
    createPreviews(map, size).offer(state, (url) => other.push(url));
    await vi.waitFor(() => expect(other).toHaveLength(1));
  });
  expect(told).toEqual([]);
});
