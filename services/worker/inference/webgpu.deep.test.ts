import { METADATA_KEYWORD, pictureMetadata } from '@darkroom/contract';
import type { RunState } from '@darkroom/diffusion';
import { readPngText } from '@darkroom/diffusion/png-text';
import { swiftShader } from '@darkroom/testing';
import { decode } from 'fast-png';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireGpu } from '../gpu.ts';
import { pinholeRequest, startPinhole } from '../testing/pinhole-inference.ts';

type Pinhole = Awaited<ReturnType<typeof startPinhole>>;

const request = { ...pinholeRequest, steps: 3 };
let onGpu: Pinhole;
let onCpu: Pinhole;
let first: Uint8Array;

const startOnGpu = async (options: Parameters<typeof startPinhole>[0] = {}) =>
  startPinhole({
    executionProviders: ['webgpu', 'cpu'],
    environment: await swiftShader(),
    stepTimeoutMs: 300_000,
    ...options,
  });

beforeAll(async () => {
  [onGpu, onCpu] = await Promise.all([startOnGpu({ slots: 2 }), startPinhole()]);
}, 600_000);
afterAll(() => Promise.all([onGpu?.close(), onCpu?.close()]));

/** Largest distance of two pictures' 8-bit values, and the share of those that differ. */
function distance(one: Uint8Array, other: Uint8Array) {
  const [a, b] = [decode(one).data, decode(other).data];
  expect(a.length).toBe(b.length);
  const apart = Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN)));
  return { largest: Math.max(...apart), share: apart.filter((x) => x > 0).length / apart.length };
}

test('the profile of a warm-up says which nodes of each network webgpu ran', () => {
  const identity = onGpu.identity();
  expect(() => requireGpu(identity)).not.toThrow();
  const [{ provider, nodes } = { provider: '', nodes: {} }] = identity.models;
  expect(provider).toBe('webgpu');
  expect(Object.keys(nodes).sort()).toEqual(['text_encoder', 'unet', 'vae_decoder']);
  for (const counts of Object.values(nodes)) {
    expect(Object.keys(counts).sort()).toEqual(['cpu', 'webgpu']);
    expect(counts['webgpu']).toBeGreaterThan(counts['cpu'] ?? 0);
  }
  console.log(`webgpu: ${JSON.stringify(nodes)}`);
});

test('webgpu makes the picture that the CPU makes, within 1 of 255', async () => {
  const [{ png }, reference] = await Promise.all([
    onGpu.generate(request),
    onCpu.generate(request),
  ]);
  first = png;
  const apart = distance(png, reference.png);
  console.log(`webgpu and cpu: ${JSON.stringify(apart)}`);
  expect(apart.largest).toBeLessThanOrEqual(1);
  const metadata = pictureMetadata.parse(JSON.parse(readPngText(png)[METADATA_KEYWORD] ?? ''));
  expect(metadata).toMatchObject({ executionProviders: ['webgpu', 'cpu'], provider: 'webgpu' });
});

test('the same request again, and a run that goes on in another process, come to the same bits, and company costs at most 1 of 255', async () => {
  const states: RunState[] = [];
  const whole = await onGpu.generate(request, { onStep: (state) => states.push(state) });
  expect(whole.png).toEqual(first);
  await using other = await startOnGpu();
  const resume = states[0];
  if (resume === undefined) throw new Error('no step was told');
  expect((await other.generate(request, { resume })).png).toEqual(whole.png);

  const [beside] = await Promise.all([
    onGpu.generate(request),
    onGpu.generate({ ...request, seed: 8, prompt: 'a small green square' }),
  ]);
  const apart = distance(beside.png, whole.png);
  console.log(`webgpu alone and in company: ${JSON.stringify(apart)}`);
  expect(apart.largest).toBeLessThanOrEqual(1);
});
