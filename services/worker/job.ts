import {
  DarkroomError,
  type FailureCode,
  type GenerationEvent,
  type GenerationState,
} from '@darkroom/contract';
import type { Checkpoint, Claim, StoreTimings, WorkerStore } from '@darkroom/generations';
import type { Logger } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';
import { retryFor } from './backoff.ts';
import { CheckpointUnusable, loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { EngineError } from './inference/child-process.ts';
import { bitsOf } from './inference/identity.ts';
import type { Inference } from './inference/inference-process.ts';
import { type Lease, Stopped } from './lease.ts';
import { collectLeftovers, storePictures } from './pictures.ts';
import { makePictures, newRun, progressOf, type Run } from './run.ts';
import type { HandBack, JobEnd, WorkerMetrics } from './worker-metrics.ts';

/** A claimed job with what it takes to run it. */
export type Job = {
  claim: Claim;
  lease: Lease;
  /** How long the store and the object store may stay away before the job is given up. */
  leaseMs: number;
  store: WorkerStore;
  broker: Broker;
  objects: ObjectStore;
  inference: Inference;
  metrics: WorkerMetrics;
  /** The worker's span, for the engine's log lines. */
  traceparent: string;
  logger: Logger;
};

/** A job under way. */
type Running = Job & { run: Run };

/** How long a hand-back waits for an object store that is away before it saves nothing. */
const SAVE_LIMIT_MS = 2_000;

/**
 * Runs a claimed job to its end: made, stored and completed, or settled as its failure asks. Goes on
 * from what an earlier attempt has saved.
 *
 * @throws what the store throws when it stays away; the record then still shows our lease, and the
 *   same message, delivered again, takes it over
 */
export async function runJob(job: Job): Promise<JobEnd> {
  try {
    return await runFrom({ ...job, run: await savedRun(job) });
  } catch (error) {
    if (!(error instanceof StorageAway)) throw error;
    const running = { ...job, run: newRun() };
    if (job.lease.signal.reason instanceof Stopped) {
      return await settleStop(running, job.lease.signal.reason);
    }
    job.logger.error({ err: error }, 'handing the job back: its checkpoint cannot be read now');
    return await handBack(running, 'storage-away');
  }
}

class StorageAway extends Error {}

/** What the record's checkpoint holds, where it can be gone on from; else a run from the start. */
async function savedRun(job: Job): Promise<Run> {
  const { claim, objects, inference, lease, logger } = job;
  const { record } = claim;
  if (record.checkpoint === null) return newRun();
  const { key } = record.checkpoint;
  const bits = bitsOf(inference.identity(), record.request.model);
  try {
    const load = () => loadCheckpoint(objects, { record, key, bits });
    const run = await retryFor(job.leaseMs, load, lease.signal);
    logger.info({ checkpoint: record.checkpoint }, 'the job goes on from its checkpoint');
    return run;
  } catch (error) {
    if (!(error instanceof CheckpointUnusable)) {
      throw new StorageAway('the object store is away', { cause: error });
    }
    logger.warn({ reason: error.message, key }, 'the job begins anew: its checkpoint is no use');
    return newRun();
  }
}

async function runFrom(job: Running): Promise<JobEnd> {
  const { claim, lease, store, objects, inference, metrics, run } = job;
  const { record, fence } = claim;
  lease.progress = progressOf(run, record);
  const observe = (stage: string, ms: number) =>
    metrics.stage.observe({ model: record.request.model, stage }, ms / 1e3);

  let made: Awaited<ReturnType<typeof makePictures>>;
  try {
    const onStep = () => {
      const progress = progressOf(run, record);
      lease.progress = progress;
      lease.ran = run.ran;
      const { id: generationId, revision } = record;
      job.broker.publishEvent({ version: 1, type: 'progress', generationId, revision, progress });
    };
    made = await makePictures({
      inference,
      record,
      run,
      signal: lease.signal,
      onStep,
      traceparent: job.traceparent,
    });
    // A worker that closes has all pictures to store here, for itself or for the next.
    const { reason } = lease.signal;
    if (reason instanceof Stopped && reason.why !== 'closing') throw reason;
  } catch (error) {
    if (error instanceof Stopped) return await settleStop(job, error);
    if (error instanceof EngineError) return await fail(job, error.code, error.message);
    job.logger.error({ err: error }, 'handing the job back: the engine was lost');
    if (error instanceof DarkroomError && error.kind === 'unavailable') {
      return await handBack(job, 'engine-away');
    }
    const lastWords = error instanceof Error ? error.message : String(error);
    return await handBack(job, 'engine-died', lastWords);
  }
  const { modelLoadMs, inferenceMs } = made;
  const { pictures, ran } = run;
  observe('model-load', modelLoadMs);
  observe('inference', inferenceMs);

  const storeStarted = performance.now();
  try {
    // Worth waiting for: handed back, the job's pictures would be made anew.
    await retryFor(job.leaseMs, () => storePictures(objects, pictures), lease.signal);
  } catch (error) {
    if (lease.signal.reason instanceof Stopped) return await settleStop(job, lease.signal.reason);
    job.logger.error({ err: error }, 'handing the job back: its pictures cannot be stored now');
    return await handBack(job, 'storage-away');
  }
  const storeMs = performance.now() - storeStarted;
  observe('store', storeMs);

  const images = pictures.map(({ png: _, ...image }) => image);
  const timings: StoreTimings = { modelLoadMs, inferenceMs, storeMs };
  const completed = await retryFor(job.leaseMs, () =>
    store.complete({ id: record.id, fence, images, timings, ran }),
  );
  return await end(job, 'succeeded', completed);
}

async function settleStop(job: Running, { why }: Stopped): Promise<JobEnd> {
  const { store, claim } = job;
  if (why === 'lost') return await end(job, 'canceled', false);
  if (why === 'closing') return await handBack(job, 'closed');
  const { fence } = claim;
  const { id } = claim.record;
  const { ran } = job.run;
  const { progress } = job.lease;
  const settle = () => store.settleCancel({ id, fence, progress, ran });
  const settled = await retryFor(job.leaseMs, settle);
  return await end(job, 'canceled', settled);
}

async function fail(job: Running, code: FailureCode, message: string): Promise<JobEnd> {
  const { store, claim } = job;
  const { id } = claim.record;
  job.logger.error({ code, reason: message }, 'job failed');
  const failed = await retryFor(job.leaseMs, () =>
    store.fail({ id, fence: claim.fence, error: { code, message }, ran: job.run.ran }),
  );
  return await end(job, 'failed', failed);
}

/** Back to the queue under a new message; where that cannot be sent now, a sweep sends it. */
async function handBack(job: Running, why: HandBack, lastWords?: string): Promise<JobEnd> {
  const { store, broker, claim, logger } = job;
  const { id, traceparent } = claim.record;
  // What an engine died of is not saved: it may be the run state itself.
  const isWorthSaving = why === 'closed' || why === 'engine-away';
  const checkpoint = isWorthSaving ? await save(job) : undefined;
  const queued = await retryFor(job.leaseMs, () =>
    // What the engine died of may be the job itself; nothing else is the job's fault.
    store.release({
      id,
      fence: claim.fence,
      countAttempt: why === 'engine-died',
      lastWords,
      ran: job.run.ran,
      checkpoint,
    }),
  );
  if (queued === undefined) {
    // A cancel was settled, or a newer attempt ends the record; what we stored is ours to collect.
    await collect(job);
    return why;
  }
  tellState(job, 'queued', queued.revision);
  try {
    await broker.publishJob({
      version: 1,
      generationId: id,
      revision: queued.revision,
      model: queued.request.model,
      ...(traceparent !== null && { traceparent }),
    });
    await store.markPublished(id, queued.revision);
  } catch (error) {
    logger.warn({ err: error }, 'the job is queued, its message will be sent by a sweep');
  }
  return why;
}

/** Saves the run for the next attempt; where that cannot be done now, that one begins earlier. */
async function save(job: Running): Promise<Checkpoint | undefined> {
  const { objects, inference, claim, run, logger } = job;
  const { record } = claim;
  const bits = bitsOf(inference.identity(), record.request.model);
  try {
    return await retryFor(SAVE_LIMIT_MS, () => saveCheckpoint(objects, { record, run, bits }));
  } catch (error) {
    logger.warn(
      { err: error },
      'the run could not be saved; the next attempt makes its steps again',
    );
    return undefined;
  }
}

/** After the last write: `written` is false where a newer attempt holds the record. */
async function end(
  job: Job,
  state: 'succeeded' | 'failed' | 'canceled',
  written: boolean,
): Promise<JobEnd> {
  const { claim, logger } = job;
  const { record, fence } = claim;
  if (written) tellState(job, state, record.revision + 1);
  else logger.warn('the job was taken over by a newer attempt');
  // All that lies there is named, or nothing lies there, where a first claim ends its own record,
  // unless it was canceled amid the storing.
  if (!written || fence > 1 || state === 'canceled') await collect(job);
  return written ? state : 'lost';
}

async function collect({ store, objects, claim, logger }: Job): Promise<void> {
  try {
    await collectLeftovers({ store, objects, record: claim.record });
  } catch (error) {
    logger.warn({ err: error }, 'leftover pictures were not removed');
  }
}

function tellState(job: Job, state: GenerationState, revision: number): void {
  const generationId = job.claim.record.id;
  const event: GenerationEvent = { version: 1, type: 'state', generationId, revision, state };
  job.broker.publishEvent(event);
}
