import type { GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EngineError } from './inference/child-process.ts';
import type { Inference } from './inference/inference-process.ts';
import { startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Inference;
beforeAll(async () => {
  [store, inference] = await Promise.all([openMemoryStore(), startPinhole()]);
});
afterAll(async () => {
  await inference.close();
  await store.close();
});

test('what the engine refuses fails with the reason', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id } = await rig.submit({ width: 63 });
  await expect(rig.finished(id)).resolves.toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { code: 'MODEL', message: expect.stringContaining('Ask for a width of 48 or 64') },
  });
});

test('what the engine fails at fails, and its words, which may name hosts, are for the log', async () => {
  const error = new EngineError('ENGINE', 'CUDA failure 2: out of memory; hostname=gpu-host');
  const failing: Inference = { ...inference, generate: () => Promise.reject(error) };
  await using rig = await startWorkerRig(store, failing);
  const { id } = await rig.submit();
  const { error: told } = await rig.finished(id);
  expect(told).toEqual({
    code: 'ENGINE',
    message: expect.stringMatching(
      /^The engine failed twice at this generation.*Ask the operator of/,
    ),
  });
  expect(told?.message).not.toContain('gpu-host');
});
