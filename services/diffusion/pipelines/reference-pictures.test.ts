/// <reference lib="es2025.float16" />
import { readFileSync } from 'node:fs';
import { pinhole } from '@darkroom/pinhole';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelDigest } from '../model-folder/verify-model-folder.ts';
import { arrayParity, fixturePath, pictureParity, readFixture } from '../test/fixtures.ts';
import { loadPipeline } from './load-pipeline.ts';
import type { PictureRequest, Pipeline } from './pipeline.ts';
import { encodePng } from './png.ts';

/** Pictures of the built-in model as Python makes them, see test/reference/make_reference.py. */
type Reference = {
  /** Digest of the model they were made with. */
  model: string;
  pictures: {
    file: string;
    request: PictureRequest;
    standardDeviation: number;
    /** Share of values at 0 or 255. */
    clipped: number;
  }[];
};

const { folder } = pinhole;
const { model, pictures } = readFixture<Reference>('pictures/reference.json');
const trajectories = floats('trajectories.f32', Float32Array);
const decodings = floats('decoded.f16', Float16Array);

describe('pictures that Python makes from the same files, prompts and seeds', () => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    const digest = await modelDigest(folder);
    if (digest !== model) {
      throw new Error(
        `references are of another model (${model}, the folder is ${digest}); run python services/diffusion/test/reference/make_reference.py`,
      );
    }
    pipeline = await loadPipeline(folder, { executionProviders: ['cpu'], intraOpThreads: 1 });
  });
  afterAll(() => pipeline?.release());

  it('are fit to judge by: few are flat or clipped', () => {
    const counted = pictures.filter(
      (picture) => picture.standardDeviation >= 10 && picture.clipped < 0.05,
    );
    expect(pictures).toHaveLength(32);
    expect(counted.length).toBeGreaterThanOrEqual(24);
  });

  it.each(pictures.map((picture, i) => ({ ...picture, i })))('$file', async (picture) => {
    const { request, file, i } = picture;
    const latents: Float32Array[] = [];
    const pixels = await pipeline.decode(request, {
      onStep: (state) => latents.push(state.latents),
    });
    const png = encodePng(pixels, request.width, request.height);

    // All steps but the first, which is the noise before any.
    const reference = slice(trajectories, i);
    const first = reference.length / (request.steps + 1);
    expect(arrayParity(concatenate(latents), reference.slice(first))).toBeLessThanOrEqual(1e-4);
    // Written in half precision, which keeps 3 decimals.
    const decoded = Float32Array.from(slice(decodings, i));
    expect(arrayParity(pixels, decoded)).toBeLessThanOrEqual(1e-3);
    const expected = decode(readFileSync(fixturePath(`pictures/${file}`)));
    expect(pictureParity(decode(png).data, expected.data)).toBeGreaterThanOrEqual(0.999);
  });
});

function floats<T>(file: string, type: new (buffer: ArrayBuffer) => T): T {
  return new type(new Uint8Array(readFileSync(fixturePath(`pictures/${file}`))).buffer);
}

/** The part of an array that belongs to picture `i`. */
function slice<T extends Float32Array | Float16Array>(all: T, i: number): T {
  const size = all.length / pictures.length;
  return all.slice(i * size, (i + 1) * size) as T;
}

function concatenate(arrays: readonly Float32Array[]): Float32Array {
  return Float32Array.from(arrays.flatMap((array) => [...array]));
}
