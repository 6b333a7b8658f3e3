import type { Scene } from './grammar.ts';
import { OUTLINES } from './outlines.ts';
import type { Shape } from './words.ts';
import { COLOURS } from './words.ts';

/** Side of every picture in pixels. */
export const SIDE = 64;

/** Points per pixel side at which an outline is tested: 4 × 4 give 17 steps of edge smoothing. */
const SAMPLES = 4;

/** How much of each pixel the shape covers, 0…1: [SIDE × SIDE]. */
export function coverage(
  shape: Shape,
  x: number,
  y: number,
  radius: number,
  samples = SAMPLES,
): Float32Array {
  const mask = new Float32Array(SIDE * SIDE);
  const inside = OUTLINES[shape];
  const low = (centre: number) => Math.max(0, Math.floor(centre - 1.1 * radius));
  const high = (centre: number) => Math.min(SIDE, Math.ceil(centre + 1.1 * radius));
  for (let row = low(y); row < high(y); row++) {
    for (let column = low(x); column < high(x); column++) {
      let hits = 0;
      for (let i = 0; i < samples * samples; i++) {
        const px = column + ((i % samples) + 0.5) / samples;
        const py = row + (Math.floor(i / samples) + 0.5) / samples;
        if (inside((px - x) / radius, (py - y) / radius)) hits++;
      }
      mask[row * SIDE + column] = hits / (samples * samples);
    }
  }
  return mask;
}

/** The scene as RGB bytes, row by row: [SIDE × SIDE × 3]. */
export function drawScene(scene: Pick<Scene, 'ground' | 'objects'>): Uint8Array {
  const pixels = new Uint8Array(SIDE * SIDE * 3);
  const ground = COLOURS[scene.ground];
  for (let i = 0; i < SIDE * SIDE; i++) pixels.set(ground, i * 3);
  for (const object of scene.objects) {
    const colour = COLOURS[object.colour];
    const mask = coverage(object.shape, object.x, object.y, object.radius);
    for (let i = 0; i < mask.length; i++) {
      const share = mask[i] ?? 0;
      if (share === 0) continue;
      for (const channel of [0, 1, 2] as const) {
        const below = pixels[i * 3 + channel] ?? 0;
        pixels[i * 3 + channel] = Math.round(below + share * (colour[channel] - below));
      }
    }
  }
  return pixels;
}
