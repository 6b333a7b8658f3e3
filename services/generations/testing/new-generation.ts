import { randomUUID } from 'node:crypto';
import type { GenerationRequest, StoredImage } from '@darkroom/contract';
import type { NewGeneration } from '../frontend-store.ts';

const request: GenerationRequest = {
  model: 'pinhole',
  prompt: "a large red star on a blue background, l'été 🌟",
  negativePrompt: '',
  seed: '18446744073709551615',
  steps: 10,
  guidanceScale: 4.5,
  width: 64,
  height: 64,
  count: 2,
};

/** A request that nobody has made before, of its own tenant unless told. */
export const newGeneration = (over: Partial<NewGeneration> = {}): NewGeneration => ({
  id: randomUUID(),
  tenant: randomUUID(),
  request,
  ...over,
});

export const storedImage: StoredImage = {
  key: 'tenant/generation/0-abc.png',
  sha256: 'abc',
  width: 64,
  height: 64,
  seed: 7,
};

export const past = '2020-01-01T00:00:00.000Z';
export const future = '2120-01-01T00:00:00.000Z';
