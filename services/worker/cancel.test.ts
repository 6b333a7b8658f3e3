import type { GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { eventually } from '@darkroom/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LogLine, startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig, tenant, type WorkerRig } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Awaited<ReturnType<typeof startPinhole>>;
beforeAll(async () => {
  // As in service: not every step is told.
  [store, inference] = await Promise.all([
    openMemoryStore(),
    startPinhole({ stepIntervalMs: 100 }),
  ]);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await store.close();
});

/** What the engine itself says it has run since `from`, an index of its lines. */
const engineRan = (from: number) => {
  const lines = inference.lines.slice(from) as (LogLine & { steps: number; engineMs: number })[];
  const ends = lines.filter(({ msg }) => /^picture (done|ended)$/.test(msg));
  return {
    steps: ends.reduce((sum, line) => sum + line.steps, 0),
    gpuMs: ends.reduce((sum, line) => sum + line.engineMs, 0),
  };
};

async function cancel(rig: WorkerRig, id: string): Promise<void> {
  const record = await store.requestCancel(tenant, id);
  const revision = record?.revision ?? 0;
  rig.broker.publishEvent({ version: 1, type: 'cancel', generationId: id, revision });
}

const reached = (rig: WorkerRig, step: number) =>
  eventually(() =>
    rig.events.some((event) => event.type === 'progress' && event.progress.step >= step),
  ).toBe(true);

test('a running job stops within a step and 100 ms', async () => {
  // No heartbeat brings the news: it is told.
  await using rig = await startWorkerRig(store, inference, { heartbeatMs: 60_000 });
  const overruns: number[] = [];
  for (let round = 0; round < 7; round++) {
    const from = rig.events.length;
    const { id } = await rig.submit({ steps: 1_000 });
    await eventually(() => rig.events.length - from).toBeGreaterThan(5);
    const asked = Date.now();
    await cancel(rig, id);
    const { finishedAt, receipt } = await rig.finished(id);
    const stepMs = (receipt?.gpuMs ?? 0) / (receipt?.stepsRun ?? 1);
    overruns.push(Date.parse(finishedAt ?? '') - asked - stepMs);
  }
  console.info(
    `from a cancel to its end, less one step: ${overruns.map(Math.round).join(', ')} ms`,
  );
  // What other processes of a busy machine add to most of them is not the worker's.
  expect(Math.min(...overruns)).toBeLessThanOrEqual(100);
});

test('the receipt agrees with the engine, over several pictures', async () => {
  await using rig = await startWorkerRig(store, inference);
  const from = inference.lines.length;
  const { id } = await rig.submit({ steps: 40, count: 4 });
  await reached(rig, 90);
  await cancel(rig, id);
  const { receipt, progress } = await rig.finished(id);
  const engine = engineRan(from);
  expect(receipt?.stepsRun).toBe(engine.steps);
  expect(receipt?.stepsRun).toBe(progress.step);
  expect(receipt?.stepsRun).toBeGreaterThanOrEqual(90);
  expect(receipt?.stepsSpared).toBe(160 - engine.steps);
  expect(Math.abs((receipt?.gpuMs ?? 0) / engine.gpuMs - 1)).toBeLessThanOrEqual(0.05);
  const aStep = (receipt?.gpuMs ?? 0) / engine.steps;
  expect(receipt?.gpuMsSpared).toBeCloseTo(aStep * (160 - engine.steps), 3);
});

test('the receipt counts what a worker before had run', async () => {
  await using rig = await startWorkerRig(store, inference);
  const from = inference.lines.length;
  const { id } = await rig.submit({ steps: 400 });
  await reached(rig, 20);
  await rig.worker.close();
  await using _ = await rig.next(inference);
  await reached(rig, 60);
  await cancel(rig, id);
  const { receipt, progress } = await rig.finished(id);
  const engine = engineRan(from);
  expect(receipt?.stepsRun).toBe(engine.steps);
  // Gone on with, so no step was run twice.
  expect(progress.step).toBe(engine.steps);
  expect(Math.abs((receipt?.gpuMs ?? 0) / engine.gpuMs - 1)).toBeLessThanOrEqual(0.05);
});

test('a cancel before the worker has begun costs nothing', async () => {
  await using rig = await startWorkerRig(store, inference);
  const first = await rig.submit({ steps: 300 });
  const waiting = await rig.submit({ steps: 40 });
  await cancel(rig, waiting.id);
  await cancel(rig, first.id);
  await expect(rig.finished(waiting.id)).resolves.toMatchObject({
    state: 'canceled',
    attempt: 0,
    receipt: { stepsRun: 0, stepsSpared: 40, gpuMs: 0, gpuMsSpared: null },
  });
});
