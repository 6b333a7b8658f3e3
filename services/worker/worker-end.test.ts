import { DarkroomError } from '@darkroom/contract';
import type { GenerationStore } from '@darkroom/generations';
import { openMemoryStore } from '@darkroom/generations/testing/memory-store.ts';
import { eventually } from '@darkroom/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inference } from './inference/inference-process.ts';
import { startPinhole } from './testing/pinhole-inference.ts';
import { startWorkerRig, tenant } from './testing/worker-rig.ts';

let store: GenerationStore;
let inference: Inference;
beforeAll(async () => {
  [store, inference] = await Promise.all([openMemoryStore(), startPinhole()]);
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

test('closing hands back a job whose claim is answered only then', async () => {
  const [asked, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using rig = await startWorkerRig(store, inference, {
    store: (real) => ({
      claim: async (options) => {
        const result = await real.claim(options);
        asked.resolve();
        await closed.promise;
        return result;
      },
    }),
  });
  const { id } = await rig.submit(long);
  await asked.promise;
  const closing = rig.worker.close();
  closed.resolve();
  await closing;
  expect(await rig.get(id)).toMatchObject({ state: 'queued', attempt: 0, evidence: [] });
});

test('a worker that closes waits for the record no longer than its lease lasts', async () => {
  const away = async () => {
    throw new DarkroomError('unavailable', 'the link is cut');
  };
  await using rig = await startWorkerRig(store, inference, {
    leaseMs: 300,
    store: () => ({ heartbeat: away, release: away }),
  });
  const { id } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await rig.worker.close();
  expect(await rig.get(id)).toMatchObject({ state: 'running', attempt: 1 });
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

/** Long enough to be left in the middle. */
const short = { steps: 80 };

/** Closes a worker amid a job, starts another, and returns both sights of the record. */
async function handOver(
  request: Parameters<Awaited<ReturnType<typeof startWorkerRig>>['submit']>[0],
  { untilStep, next = inference }: { untilStep: number; next?: Inference },
) {
  let reads = 0;
  await using rig = await startWorkerRig(store, inference, {
    objects: (real) => ({
      get: (key) => {
        reads += 1;
        return real.get(key);
      },
    }),
  });
  const { id } = await rig.submit(request);
  await eventually(() =>
    rig.events.some((event) => event.type === 'progress' && event.progress.step >= untilStep),
  ).toBe(true);
  await rig.worker.close();
  const handedBack = await rig.get(id);
  const saved = await rig.objects.list('');

  const steps: number[] = [];
  await rig.broker.subscribeEvents('progress', (event) => {
    if (event.type === 'progress') steps.push(event.progress.step);
  });
  await using _ = await rig.next(next);
  const finished = await rig.finished(id);
  await eventually(() => rig.objects.list('')).toHaveLength(finished.images.length);
  return { handedBack, saved, finished, steps, reads };
}

async function undisturbed(request: object): Promise<string[]> {
  await using rig = await startWorkerRig(store, inference);
  const { images } = await rig.finished((await rig.submit(request)).id);
  return images.map(({ sha256 }) => sha256);
}

test('what is handed back goes on in the next worker from its very step, to the same bits', async () => {
  const { handedBack, saved, finished, steps } = await handOver(short, { untilStep: 20 });
  const { checkpoint, progress } = handedBack;
  expect(checkpoint?.step).toBeGreaterThanOrEqual(20);
  expect(progress.step).toBe(checkpoint?.step);
  expect(saved).toEqual([checkpoint?.key]);
  expect(steps[0]).toBe((checkpoint?.step ?? 0) + 1);
  expect(steps).toHaveLength(short.steps - (checkpoint?.step ?? 0));
  expect(finished).toMatchObject({ state: 'succeeded', attempt: 1, evidence: [] });
  expect(finished.images.map(({ sha256 }) => sha256)).toEqual(await undisturbed(short));
});

test('of several pictures, those that are made are not made again', async () => {
  const request = { steps: 40, count: 3 };
  const { handedBack, finished, steps } = await handOver(request, { untilStep: 45 });
  expect(handedBack.checkpoint?.picture).toBeGreaterThanOrEqual(1);
  expect(steps[0]).toBeGreaterThan(45);
  expect(finished.images.map(({ sha256 }) => sha256)).toEqual(await undisturbed(request));
});

test('a worker of other bits starts over at once', async () => {
  const next: Inference = {
    ...inference,
    identity: () => ({ ...inference.identity(), onnxruntime: 'another' }),
  };
  const { handedBack, finished, steps, reads } = await handOver(short, { untilStep: 20, next });
  expect(reads).toBe(1);
  expect(handedBack.checkpoint?.step).toBeGreaterThanOrEqual(20);
  expect(steps[0]).toBe(1);
  expect(finished.images.map(({ sha256 }) => sha256)).toEqual(await undisturbed(short));
});

test('a run that cannot be saved is handed back all the same', async () => {
  await using rig = await startWorkerRig(store, inference, {
    objects: () => ({
      put: async () => {
        throw new DarkroomError('unavailable', 'the disk is full');
      },
    }),
  });
  const { id } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  await rig.worker.close();
  expect(await rig.get(id)).toMatchObject({
    state: 'queued',
    attempt: 0,
    checkpoint: null,
    progress: { step: 0 },
  });
});

test('an engine that hangs does not hold up the hand-back', async () => {
  await using own = await startPinhole();
  await using rig = await startWorkerRig(store, own);
  const { id } = await rig.submit(long);
  await eventually(() => rig.events.length).toBeGreaterThan(5);
  const pid = own.pid() ?? 0;
  process.kill(pid, 'SIGSTOP');
  await rig.worker.close();
  process.kill(pid, 'SIGKILL');
  const { state, attempt, checkpoint } = await rig.get(id);
  expect({ state, attempt }).toEqual({ state: 'queued', attempt: 0 });
  expect(checkpoint?.step).toBeGreaterThan(2);
});

test('nor does an object store that hangs', async () => {
  const storing = Promise.withResolvers<void>();
  await using rig = await startWorkerRig(store, inference, {
    objects: () => ({
      put: () => {
        storing.resolve();
        return new Promise(() => {});
      },
    }),
  });
  const { id } = await rig.submit({ steps: 1 });
  await storing.promise;
  await rig.worker.close();
  expect(await rig.get(id)).toMatchObject({ state: 'queued', attempt: 0 });
});

test('draining hands the job in hand back when the grace is over', async () => {
  await using rig = await startWorkerRig(store, inference);
  const { id } = await rig.submit({ steps: 1_000 });
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  const began = performance.now();
  await rig.worker.drain(300);
  expect(performance.now() - began).toBeGreaterThanOrEqual(299);
  const { state, checkpoint } = await rig.get(id);
  expect(state).toBe('queued');
  expect(checkpoint?.step).toBeGreaterThan(0);
});

test('a worker tells that it is there, that it drains, and that it is gone', async () => {
  await using rig = await startWorkerRig(store, inference);
  const seen = async () =>
    (await store.workers()).map(({ worker, models, state }) => ({ worker, models, state }));
  const me = { worker: 'worker-1', models: ['pinhole'] };
  await eventually(seen).toEqual([{ ...me, state: 'ready' }]);
  await rig.submit({ steps: 150 });
  await eventually(() => rig.events.length).toBeGreaterThan(2);
  const drained = rig.worker.drain();
  await eventually(seen).toEqual([{ ...me, state: 'draining' }]);
  await drained;
  expect(await seen()).toEqual([]);
});
