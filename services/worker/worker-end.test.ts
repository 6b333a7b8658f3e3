import { type GenerationStore, openPgliteStore } from '@darkroom/generations';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inference } from './inference/inference-process.ts';
import { eventually } from './testing/eventually.ts';
import { startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig, tenant } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Inference;
beforeAll(async () => {
  [store, inference] = await Promise.all([openPgliteStore(), startPinhole()]);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await store.close();
});

/** Long enough to be met in the middle. */
const long = { steps: 400 };

test('draining finishes the job in hand and takes no other', async () => {
  await using rig = await startWorkerRig(store, inference);
  const first = await rig.submit({ steps: 100 });
  const second = await rig.submit();
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await rig.worker.drain();
  expect(await rig.get(first.id)).toMatchObject({ state: 'succeeded' });
  expect(await rig.get(second.id)).toMatchObject({ state: 'queued' });
});

test('closing hands the job in hand back at no cost', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id, revision } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await rig.worker.close();
  const record = await rig.get(id);
  expect(record).toMatchObject({ state: 'queued', attempt: 0, published: true });
  expect(record.revision).toBeGreaterThan(revision);
});

test('handing back a job that was canceled settles the cancel and leaves no object', async () => {
  await using rig = await startWorkerRig(store, inference, {
    store: () => ({ heartbeat: async () => 'held' }),
  });
  const { id } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await rig.objects.put(`${tenant}/${id}/0-early.png`, new Uint8Array([1]), 'image/png');
  await store.requestCancel(tenant, id);
  await rig.worker.close();
  expect(await rig.get(id)).toMatchObject({ state: 'canceled' });
  expect(await rig.objects.list('')).toEqual([]);
});
