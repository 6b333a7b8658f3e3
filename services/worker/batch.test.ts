import type { GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { eventually } from '@darkroom/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inference } from './inference/inference-process.ts';
import { startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig, tenant, type WorkerRig } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Inference;
beforeAll(async () => {
  [store, inference] = await Promise.all([openMemoryStore(), startPinhole({ slots: 3 })]);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await store.close();
});

/** Long enough to be met in the middle. */
const long = { steps: 400 };

const allRun = async (rig: WorkerRig, ids: readonly string[]) => {
  for (const id of ids) {
    await eventually(() =>
      rig.events.some((event) => event.type === 'progress' && event.generationId === id),
    ).toBe(true);
  }
};

test('jobs as many as there are slots run at once, each to the picture that it makes alone', async () => {
  await using rig = await startWorkerRig(store, inference, { slots: 3 });
  const seeds = [1, 2, 3];
  const together = await Promise.all(seeds.map((seed) => rig.submit({ seed, steps: 60 })));
  await allRun(
    rig,
    together.map(({ id }) => id),
  );
  const made = await Promise.all(together.map(({ id }) => rig.finished(id)));
  for (const [i, seed] of seeds.entries()) {
    const { id } = await rig.submit({ seed, steps: 60 });
    const alone = await rig.finished(id);
    expect(made[i]?.images[0]?.sha256).toBe(alone.images[0]?.sha256);
  }
});

test('a cancel ends one of them and leaves the others', async () => {
  await using rig = await startWorkerRig(store, inference, { slots: 2 });
  const [first, second] = await Promise.all([rig.submit(long), rig.submit({ ...long, seed: 5 })]);
  await allRun(rig, [first.id, second.id]);
  await store.requestCancel(tenant, first.id);
  rig.broker.publishEvent({ version: 1, type: 'cancel', generationId: first.id, revision: 1 });
  expect(await rig.finished(first.id)).toMatchObject({ state: 'canceled' });
  expect(await rig.get(second.id)).toMatchObject({ state: 'running' });
  expect(await rig.finished(second.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
});

test('a worker that closes hands all of them back, and the next goes on from their steps', async () => {
  await using rig = await startWorkerRig(store, inference, { slots: 2 });
  const jobs = await Promise.all([rig.submit(long), rig.submit({ ...long, seed: 5 })]);
  const ids = jobs.map(({ id }) => id);
  await allRun(rig, ids);
  await rig.worker.close();
  for (const id of ids) {
    const record = await rig.get(id);
    expect(record).toMatchObject({ state: 'queued', attempt: 0 });
    expect(record.checkpoint).not.toBeNull();
    expect(record.progress.step).toBeGreaterThan(0);
  }
  expect(await rig.ended('closed')).toBe(2);
});
