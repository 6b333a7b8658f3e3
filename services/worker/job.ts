import {
  DarkroomError,
  type FailureCode,
  type GenerationEvent,
  type GenerationState,
} from '@darkroom/contract';
import type { Claim, StoreTimings, WorkerStore } from '@darkroom/generations';
import type { Logger } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';
import { retryFor } from './backoff.ts';
import { EngineError } from './inference/child-process.ts';
import type { Inference } from './inference/inference-process.ts';
import { type Lease, Stopped } from './lease.ts';
import { collectLeftovers, makePictures, storePictures } from './pictures.ts';
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

/**
 * Runs a claimed job to its end: made, stored and completed, or settled as its failure asks.
 *
 * @throws what the store throws when it stays away; the record then still shows our lease, and the
 *   same message, delivered again, takes it over
 */
export async function runJob(job: Job): Promise<JobEnd> {
  const { claim, lease, store, objects, inference, metrics } = job;
  const { record, fence } = claim;
  const observe = (stage: string, ms: number) =>
    metrics.stage.observe({ model: record.request.model, stage }, ms / 1e3);

  let made: Awaited<ReturnType<typeof makePictures>>;
  try {
    const onStep = (progress: Lease['progress']) => {
      lease.progress = progress;
      const { id: generationId, revision } = record;
      job.broker.publishEvent({ version: 1, type: 'progress', generationId, revision, progress });
    };
    made = await makePictures({
      inference,
      record,
      signal: lease.signal,
      onStep,
      traceparent: job.traceparent,
    });
    lease.signal.throwIfAborted();
  } catch (error) {
    if (error instanceof Stopped) return await settleStop(job, error);
    if (error instanceof EngineError) return await fail(job, error.code, error.message);
    job.logger.error({ err: error }, 'handing the job back: the engine was lost');
    const isAway = error instanceof DarkroomError && error.kind === 'unavailable';
    return await handBack(job, isAway ? 'engine-away' : 'engine-died');
  }
  const { pictures, modelLoadMs, inferenceMs } = made;
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
    store.complete({ id: record.id, fence, images, timings }),
  );
  return await end(job, 'succeeded', completed);
}

async function settleStop(job: Job, { why }: Stopped): Promise<JobEnd> {
  const { store, claim } = job;
  if (why === 'lost') return await end(job, 'canceled', false);
  if (why === 'closing') return await handBack(job, 'closed');
  const { id } = claim.record;
  const settled = await retryFor(job.leaseMs, () => store.settleCancel({ id, fence: claim.fence }));
  return await end(job, 'canceled', settled);
}

async function fail(job: Job, code: FailureCode, message: string): Promise<JobEnd> {
  const { store, claim } = job;
  const { id } = claim.record;
  job.logger.error({ code, reason: message }, 'job failed');
  const failed = await retryFor(job.leaseMs, () =>
    store.fail({ id, fence: claim.fence, error: { code, message } }),
  );
  return await end(job, 'failed', failed);
}

/** Back to the queue under a new message; where that cannot be sent now, a sweep sends it. */
async function handBack(job: Job, why: HandBack): Promise<JobEnd> {
  const { store, broker, claim, logger } = job;
  const { id, traceparent } = claim.record;
  const queued = await retryFor(job.leaseMs, () =>
    // What the engine died of may be the job itself; nothing else is the job's fault.
    store.release({ id, fence: claim.fence, countAttempt: why === 'engine-died' }),
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
