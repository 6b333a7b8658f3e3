import { randomUUID } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import type { QueueView } from '../queue-view.ts';
import type { GenerationStore } from '../store.ts';
import { actors } from './actors.ts';
import { newGeneration } from './new-generation.ts';

export function testQueues(store: () => GenerationStore): void {
  const newModel = () => `m-${randomUUID().slice(0, 8)}`;
  const requestOf = (model: string, steps: number) => ({
    ...newGeneration().request,
    model,
    steps,
    count: 1,
  });
  const queueOf = async (model: string): Promise<QueueView | undefined> =>
    (await store().queues()).find((queue) => queue.model === model);

  test('reports who waits where in a queue, and how much work is ahead', async () => {
    const { created } = actors(store());
    const model = newModel();
    const records = [];
    for (const [steps, width] of [
      [3, 64],
      [5, 128],
      [7, 64],
    ] as const) {
      const record = await created({ request: { ...requestOf(model, steps), width } });
      // Those queued in one and the same instant have no order that could be told.
      await vi.waitUntil(() => Date.now() > Date.parse(record.queuedAt), { interval: 1 });
      records.push(record);
    }
    const queue = await queueOf(model);
    expect(queue).toMatchObject({
      length: 3,
      work: { steps: 15, pixelSteps: 20 * 64 * 64 },
      running: { count: 0, work: { steps: 0, pixelSteps: 0 } },
      pace: null,
    });
    expect(queue?.marks).toEqual(
      records.map(({ queuedAt }, index) => ({
        queuedAtMs: Date.parse(queuedAt),
        position: index,
        pixelStepsAhead: ([0, 3, 13][index] ?? 0) * 64 * 64,
      })),
    );
  });

  test('reports the head of a long queue, some of its places, and its end', async () => {
    const { created } = actors(store());
    const model = newModel();
    await Promise.all(Array.from({ length: 450 }, () => created({ request: requestOf(model, 1) })));
    const queue = await queueOf(model);
    const positions = queue?.marks.map(({ position }) => position) ?? [];
    expect(queue?.length).toBe(450);
    expect(positions.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(positions.at(-1)).toBe(449);
    expect(positions.length).toBeLessThan(220);
  });

  test('tells what runs and how much of it is left', async () => {
    const { created, claimed } = actors(store());
    const model = newModel();
    const { id } = await created({ request: requestOf(model, 10) });
    const { fence } = await claimed(id);
    await store().heartbeat({ id, fence, leaseMs: 60_000, progress: { step: 4, steps: 10 } });
    expect(await queueOf(model)).toMatchObject({
      length: 0,
      marks: [],
      running: { count: 1, work: { steps: 6, pixelSteps: 6 * 64 * 64 } },
    });
    await store().heartbeat({ id, fence, leaseMs: 60_000, progress: { step: 10, steps: 10 } });
    expect(await queueOf(model)).toMatchObject({ running: { work: { steps: 1 } } });
  });

  test('counts of what was handed back only the steps that are left', async () => {
    const { created, claimed } = actors(store());
    const model = newModel();
    const { id } = await created({ request: requestOf(model, 10) });
    const { fence } = await claimed(id);
    const checkpoint = { key: 'tenant/generation/checkpoint-abc', picture: 0, step: 7 };
    await store().release({ id, fence, countAttempt: false, checkpoint });
    expect(await queueOf(model)).toMatchObject({ length: 1, work: { steps: 3 } });
  });

  test('tells what each worker has in hand', async () => {
    const { created, claimed } = actors(store());
    const worker = randomUUID();
    const load = async () => (await store().workerLoads()).find((each) => each.worker === worker);
    expect(await load()).toBeUndefined();
    const models = [newModel(), newModel()].sort();
    for (const [index, model] of models.entries()) {
      const { id } = await created({ request: requestOf(model, 10) });
      const { fence } = await claimed(id, { worker });
      const progress = { step: 4 + index, steps: 10 };
      await store().heartbeat({ id, fence, leaseMs: 60_000, progress });
    }
    expect(await load()).toEqual({ worker, models, jobs: 2, stepsDone: 9, stepsLeft: 11 });
  });

  test('measures the pace on what has succeeded', async () => {
    const { created, claimed } = actors(store());
    const model = newModel();
    for (const [inferenceMs, width] of [
      [100, 64],
      [400, 128],
    ] as const) {
      const { id } = await created({ request: { ...requestOf(model, 10), width } });
      const { fence } = await claimed(id);
      const timings = { modelLoadMs: 5_000, inferenceMs, storeMs: 0 };
      await store().complete({ id, fence, images: [], timings });
    }
    const failed = await created({ request: requestOf(model, 10) });
    const { fence } = await claimed(failed.id);
    await store().fail({ id: failed.id, fence, error: { code: 'ENGINE', message: 'no' } });
    const { pace } = (await queueOf(model)) ?? {};
    const { low, typical, high } = pace?.pixelStepMs ?? { low: 0, typical: 0, high: 0 };
    for (const [measured, expected] of [
      [low, 12.5],
      [typical, 15],
      [high, 19],
    ] as const) {
      expect(measured * 64 * 64).toBeCloseTo(expected);
    }
    expect(pace?.perSecond).toBeGreaterThan(0);
  });
}
