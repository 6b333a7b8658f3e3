import { setTimeout as wait } from 'node:timers/promises';
import { DarkroomError, type Preview, type Progress } from '@darkroom/contract';
import { inSpan, within } from '@darkroom/lifecycle';
import { retryFor } from '@darkroom/timing';
import { CheckpointUnusable, loadCheckpoint } from './checkpoint.ts';
import { EngineError } from './inference/child-process.ts';
import { bitsOf } from './inference/identity.ts';
import { type Inputs, InputUnusable, loadInputs } from './inputs.ts';
import { Stopped } from './lease.ts';
import { storePictures } from './pictures.ts';
import { createPreviews, type Previews } from './previews.ts';
import { makePictures, newRun, progressOf, type Run } from './run.ts';
import { complete, fail, handBack, type Job, type Running, settleStop } from './settle-job.ts';
import type { JobEnd } from './worker-metrics.ts';

/** How long a worker that closes waits for the engine to end its step, and for the object store. */
const STOP_LIMIT_MS = 3_000;

/**
 * Runs a claimed job to its end: made, stored and completed, or settled as its failure asks. Goes on
 * from what an earlier attempt has saved.
 *
 * @throws what the store throws when it refuses the last write, or stays away while the worker closes;
 *   the record then shows our lease until that runs out
 */
export async function runJob(job: Job): Promise<JobEnd> {
  try {
    const inputs = await inputsOf(job);
    return await runFrom({ ...job, run: await savedRun(job) }, inputs);
  } catch (error) {
    const running = { ...job, run: newRun() };
    if (error instanceof InputUnusable) return await fail(running, error);
    if (!(error instanceof StorageAway)) throw error;
    if (job.lease.signal.reason instanceof Stopped) {
      return await settleStop(running, job.lease.signal.reason);
    }
    job.logger.error({ err: error }, 'handing the job back: what it needs cannot be read now');
    return await handBack(running, 'storage-away');
  }
}

class StorageAway extends Error {}

/** @throws InputUnusable, or StorageAway once the object store was away for as long as is waited */
async function inputsOf({ claim, objects, lease, storageWaitMs }: Job): Promise<Inputs> {
  // Only what another try may change is tried again.
  const load = () =>
    loadInputs(objects, claim.record).catch((error: unknown) => {
      if (error instanceof InputUnusable) return error;
      throw error;
    });
  const loaded = await retryFor(storageWaitMs, load, lease.signal).catch((cause: unknown) => {
    throw new StorageAway('the object store is away', { cause });
  });
  if (loaded instanceof InputUnusable) throw loaded;
  return loaded;
}

/** What the record's checkpoint holds, where it can be gone on from; else a run from the start. */
async function savedRun(job: Job): Promise<Run> {
  const { claim, objects, inference, lease, logger } = job;
  const { record } = claim;
  if (record.checkpoint === null) return newRun();
  const { key } = record.checkpoint;
  const bits = bitsOf(inference.identity(), record.request.model);
  // Only what another try may change is tried again.
  const load = () =>
    loadCheckpoint(objects, { record, key, bits }).catch((error: unknown) => {
      if (error instanceof CheckpointUnusable) return error;
      throw error;
    });
  const loaded = await retryFor(job.storageWaitMs, load, lease.signal).catch((cause: unknown) => {
    throw new StorageAway('the object store is away', { cause });
  });
  if (loaded instanceof CheckpointUnusable) {
    logger.warn({ reason: loaded.message, key }, 'the job starts over: its checkpoint is no use');
    return newRun();
  }
  logger.info({ checkpoint: record.checkpoint }, 'the job goes on from its checkpoint');
  return loaded;
}

async function runFrom(job: Running, inputs: Inputs): Promise<JobEnd> {
  const { claim, lease, objects, inference, metrics, run, span, spans } = job;
  const { record } = claim;
  lease.progress = progressOf(run, record);
  const observe = (stage: string, ms: number) =>
    metrics.stage.record(ms / 1e3, { model: record.request.model, stage });

  let made: Awaited<ReturnType<typeof makePictures>>;
  const previews = previewsOf(job);
  try {
    const { id: generationId, revision } = record;
    const tell = (progress: Progress, preview?: Preview) =>
      job.broker.publishEvent({
        version: 1,
        type: 'progress',
        generationId,
        revision,
        progress,
        ...(preview !== undefined && { preview }),
      });
    const onStep = () => {
      const progress = progressOf(run, record);
      lease.progress = progress;
      lease.ran = run.ran;
      tell(progress);
      const index = run.pictures.length;
      if (run.state === undefined) return;
      previews?.offer(run.state, (url) =>
        tell(lease.progress, { index, step: progress.step, url }),
      );
    };
    const { signal } = lease;
    made = await Promise.race([
      makePictures({
        inference,
        record,
        inputs,
        run,
        signal,
        previews: previews !== undefined,
        onStep,
        span,
        spans,
      }),
      overdue(signal),
    ]);
    // A worker that closes has all pictures to store here, for itself or for the next.
    const { reason } = lease.signal;
    if (reason instanceof Stopped && reason.why !== 'closing') throw reason;
  } catch (error) {
    if (error instanceof Stopped) return await settleStop(job, error);
    if (error instanceof EngineError) return await fail(job, error);
    job.logger.error({ err: error }, 'handing the job back: the engine was lost');
    if (error instanceof DarkroomError && error.kind === 'unavailable') {
      return await handBack(job, 'engine-away');
    }
    const lastWords = error instanceof Error ? error.message : String(error);
    return await handBack(job, 'engine-died', lastWords);
  } finally {
    previews?.stop();
  }
  const { modelLoadMs, inferenceMs } = made;
  const { pictures, truncated } = run;
  observe('model-load', modelLoadMs);
  observe('inference', inferenceMs);

  const storeStarted = performance.now();
  try {
    // Worth waiting for: handed back, the job's pictures would be made again.
    const storing = inSpan(spans.startSpan('store pictures', {}, within(span)), () =>
      retryFor(job.storageWaitMs, () => storePictures(objects, pictures), lease.signal),
    );
    await Promise.race([storing, overdue(lease.signal)]);
  } catch (error) {
    if (lease.signal.reason instanceof Stopped) return await settleStop(job, lease.signal.reason);
    job.logger.error({ err: error }, 'handing the job back: its pictures cannot be stored now');
    return await handBack(job, 'storage-away');
  }
  const storeMs = performance.now() - storeStarted;
  observe('store', storeMs);

  const images = pictures.map(({ png: _, ...image }) => image);
  const timings = { modelLoadMs, inferenceMs, storeMs };
  return await complete(job, { images, truncated, timings });
}

/** Undefined where the request asks for none, or nobody knows how the model's latents look. */
function previewsOf({ claim, inference }: Job): Previews | undefined {
  const { request } = claim.record;
  if (request.previews !== true) return undefined;
  const { models } = inference.identity();
  const map = models.find(({ name }) => name === request.model)?.latentRgb;
  return map && createPreviews(map, request);
}

/**
 * Rejects once a worker that closes has waited long enough for its engine, or for the object store:
 * then the run goes back as it was told last, however long the step or the hang.
 */
async function overdue(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onStop = async () => {
    const { reason } = signal;
    if (!(reason instanceof Stopped) || reason.why !== 'closing') return;
    // Keeps no process alive that has ended meanwhile.
    await wait(STOP_LIMIT_MS, undefined, { ref: false });
    reject(reason);
  };
  if (signal.aborted) void onStop();
  else signal.addEventListener('abort', onStop, { once: true });
  return await promise;
}
