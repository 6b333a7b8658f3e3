import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import type { WorkerState } from '../worker-store.ts';

export function testWorkers(store: () => GenerationStore): void {
  const announce = (worker: string, state: WorkerState, crashes = 0) =>
    store().announceWorker({ worker, models: ['pinhole', 'other'], state, crashes });
  const seen = async (worker: string, seenWithinMs?: number) =>
    (await store().workers({ seenWithinMs })).find((each) => each.worker === worker);

  test('who announces itself is seen as it said last, until it withdraws', async () => {
    const worker = randomUUID();
    await announce(worker, 'loading');
    const first = await seen(worker);
    expect(first).toMatchObject({ models: ['pinhole', 'other'], state: 'loading', crashes: 0 });
    await announce(worker, 'ready', 2);
    const second = await seen(worker);
    expect(second).toMatchObject({ state: 'ready', crashes: 2, startedAt: first?.startedAt });
    expect(Date.parse(second?.seenAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(first?.seenAt ?? ''),
    );
    await store().withdrawWorker(worker);
    expect(await seen(worker)).toBeUndefined();
  });

  test('who falls silent is not seen', async () => {
    const worker = randomUUID();
    await announce(worker, 'ready');
    expect(await seen(worker, 60_000)).toBeDefined();
    expect(await seen(worker, 0)).toBeUndefined();
  });

  test('who starts again under its name has started again', async () => {
    const worker = randomUUID();
    await announce(worker, 'ready');
    const before = await seen(worker);
    await announce(worker, 'loading');
    expect(Date.parse((await seen(worker))?.startedAt ?? '')).toBeGreaterThanOrEqual(
      Date.parse(before?.startedAt ?? ''),
    );
  });
}
