import type { GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Awaited<ReturnType<typeof startPinhole>>;
beforeAll(async () => {
  [store, inference] = await Promise.all([openMemoryStore(), startPinhole()]);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await store.close();
});

test('a prompt that the text encoder cuts is told with what was dropped', async () => {
  await using rig = await startWorkerRig(store, inference);
  const prompt = `a red star ${'on a blue background '.repeat(10)}`;
  const { id } = await rig.submit({ prompt, negativePrompt: prompt, count: 2, steps: 1 });
  const dropped = `background ${'on a blue background '.repeat(3)}`;
  const cut = { tokens: 43, limit: 30, dropped };
  expect((await rig.finished(id)).truncated).toEqual([
    { field: 'negativePrompt', ...cut },
    { field: 'prompt', ...cut },
  ]);
  const whole = await rig.submit({ steps: 1 });
  expect((await rig.finished(whole.id)).truncated).toEqual([]);
});
