import { DarkroomError } from '@darkroom/contract';
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
  [store, inference] = await Promise.all([openMemoryStore(), startPinhole()]);
}, 60_000);
afterAll(async () => {
  await inference.close();
  await store.close();
});

test('while the database is away, the message is delivered again', async () => {
  let isAway = true;
  const failWhileAway = () => {
    if (isAway) throw new DarkroomError('unavailable', 'the database is away');
  };
  await using rig = await startWorkerRig(store, inference, {
    leaseMs: 300,
    store: (real) => ({
      claim: async (options) => {
        failWhileAway();
        return await real.claim(options);
      },
      check: async () => failWhileAway(),
    }),
  });
  const { id } = await rig.submit();
  await eventually(() => rig.ended('requeued')).toBeGreaterThan(0);
  isAway = false;
  await expect(rig.finished(id)).resolves.toMatchObject({ state: 'succeeded', attempt: 1 });
});

test('a claim that the database did not answer is repeated, and is one attempt', async () => {
  let failures = 2;
  await using rig = await startWorkerRig(store, inference, {
    store: (real) => ({
      claim: async (options) => {
        const result = await real.claim(options);
        if (failures-- > 0) throw new DarkroomError('unavailable', 'the answer was lost');
        return result;
      },
    }),
  });
  const { id } = await rig.submit();
  await expect(rig.finished(id)).resolves.toMatchObject({
    state: 'succeeded',
    attempt: 1,
    evidence: [],
  });
});

test('a record that is away for longer than the lease stops nothing: the run is completed', async () => {
  const LEASE_MS = 300;
  let since: number | undefined;
  const failFor = async <T>(ms: number, call: () => Promise<T>): Promise<T> => {
    since ??= performance.now();
    if (performance.now() - since < ms) throw new DarkroomError('unavailable', 'the link is cut');
    return await call();
  };
  await using rig = await startWorkerRig(store, inference, {
    leaseMs: LEASE_MS,
    store: (real) => ({
      heartbeat: (options) => failFor(5 * LEASE_MS, () => real.heartbeat(options)),
      complete: (options) => failFor(5 * LEASE_MS, () => real.complete(options)),
    }),
  });
  const { id } = await rig.submit({ steps: 60 });
  const record = await rig.finished(id);
  expect(record).toMatchObject({ state: 'succeeded', attempt: 1, evidence: [] });
  await eventually(() => rig.ended('succeeded')).toBe(1);
});

/** As another worker does that has this message. */
async function claimElsewhere(id: string, leaseMs: number): Promise<number> {
  const claimId = crypto.randomUUID();
  const result = await store.claim({ id, claimId, worker: 'worker-2', leaseMs, maxAttempts: 5 });
  if (!result.claimed) throw new Error(result.reason);
  return result.claim.fence;
}

/** Recorded, and not published yet. */
const recorded = async (rig: WorkerRig) => {
  const { request } = await rig.finished((await rig.submit({ steps: 1 })).id);
  return (await store.create({ id: crypto.randomUUID(), tenant, request })).record;
};

test('a message for a job that another holds is kept, and other jobs are run meanwhile', async () => {
  await using rig = await startWorkerRig(store, inference);
  const record = await recorded(rig);
  const fence = await claimElsewhere(record.id, 60_000);
  await rig.publish(record);
  for (let n = 0; n < 3; n++) {
    const { id } = await rig.submit({ steps: 1 });
    await expect(rig.finished(id)).resolves.toMatchObject({ state: 'succeeded', attempt: 1 });
  }
  const progress = { step: 0, steps: 1 };
  expect(await store.heartbeat({ id: record.id, fence, leaseMs: 60_000, progress })).toBe('held');
  expect(await rig.get(record.id)).toMatchObject({ state: 'running', attempt: 1, evidence: [] });
  // Neither acknowledged nor lost: a worker that stops gives it back.
  expect(await rig.broker.countJobs('pinhole')).toBe(0);
  await rig.worker.drain();
  expect(await rig.broker.countJobs('pinhole')).toBe(1);
});

test('a message that is kept claims its job once the lease is over', async () => {
  await using rig = await startWorkerRig(store, inference);
  const record = await recorded(rig);
  await claimElsewhere(record.id, 500);
  await rig.publish(record);
  const done = await rig.finished(record.id);
  expect(done).toMatchObject({
    state: 'succeeded',
    attempt: 2,
    evidence: [{ worker: 'worker-2', attempt: 1, cause: 'lease-ended' }],
  });
  expect(
    Date.parse(done.evidence[0]?.at ?? '') - Date.parse(record.createdAt),
  ).toBeGreaterThanOrEqual(500);
});

test('a message that is kept is dropped when its record has ended', async () => {
  await using rig = await startWorkerRig(store, inference);
  const record = await recorded(rig);
  const fence = await claimElsewhere(record.id, 500);
  await rig.publish(record);
  await store.fail({ id: record.id, fence, error: { code: 'MODEL', message: 'refused' } });
  await eventually(() => rig.ended('refused')).toBe(1);
  expect(await rig.broker.countJobs('pinhole')).toBe(0);
  expect(await rig.get(record.id)).toMatchObject({ state: 'failed', attempt: 1 });
});

test('a completion that the database did not answer is tried again', async () => {
  let failures = 2;
  await using rig = await startWorkerRig(store, inference, {
    store: (real) => ({
      complete: async (options) => {
        const completed = await real.complete(options);
        if (failures-- > 0) throw new DarkroomError('unavailable', 'the answer was lost');
        return completed;
      },
    }),
  });
  const { id } = await rig.submit();
  await expect(rig.finished(id)).resolves.toMatchObject({ state: 'succeeded', attempt: 1 });
  await eventually(() => rig.ended('succeeded')).toBe(1);
});
