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

  test('reports who waits where in a queue, and how many steps are ahead', async () => {
    const { created } = actors(store());
    const model = newModel();
    const records = [];
    for (const steps of [3, 5, 7]) {
      const record = await created({ request: requestOf(model, steps) });
      // Those queued in one and the same instant have no order that could be told.
      await vi.waitUntil(() => Date.now() > Date.parse(record.queuedAt), { interval: 1 });
      records.push(record);
    }
    const queue = await queueOf(model);
    expect(queue).toMatchObject({ length: 3, steps: 15, running: { count: 0 }, pace: null });
    expect(queue?.marks).toEqual(
      records.map(({ queuedAt }, index) => ({
        queuedAtMs: Date.parse(queuedAt),
        position: index,
        stepsAhead: [0, 3, 8][index],
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
      running: { count: 1, stepsLeft: 6 },
    });
  });

  test('measures the pace on what has succeeded', async () => {
    const { created, claimed } = actors(store());
    const model = newModel();
    for (const inferenceMs of [100, 200]) {
      const { id } = await created({ request: requestOf(model, 10) });
      const { fence } = await claimed(id);
      const timings = { modelLoadMs: 5_000, inferenceMs, storeMs: 0 };
      await store().complete({ id, fence, images: [], timings });
    }
    const failed = await created({ request: requestOf(model, 10) });
    const { fence } = await claimed(failed.id);
    await store().fail({ id: failed.id, fence, error: { code: 'ENGINE', message: 'no' } });
    const { pace } = (await queueOf(model)) ?? {};
    expect(pace?.stepMs).toEqual({ low: 12.5, high: 19 });
    expect(pace?.perSecond).toBeGreaterThan(0);
  });
}
