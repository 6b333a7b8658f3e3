import { setTimeout as wait } from 'node:timers/promises';
import { type GenerationEvent, type GenerationState, jobMessageOf } from '@darkroom/contract';
import type { Checkpoint, Claim, WorkerStore } from '@darkroom/generations';
import type { Logger, Spans } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';
import type { Span } from '@opentelemetry/api';
import { retryFor } from './backoff.ts';
import { saveCheckpoint } from './checkpoint.ts';
import type { EngineError } from './inference/child-process.ts';
import { bitsOf } from './inference/identity.ts';
import type { Inference } from './inference/inference-process.ts';
import type { Lease, Stopped } from './lease.ts';
import { collectLeftovers } from './pictures.ts';
import type { Run } from './run.ts';
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
  /** Of the message, and what starts those below it. */
  span: Span;
  spans: Spans;
  logger: Logger;
};

/** A job under way. */
export type Running = Job & { run: Run };

/** How long a hand-back waits for the object store before it saves nothing. */
const SAVE_LIMIT_MS = 3_000;

/** As the reason to stop asks: canceled, handed back, or left to who holds it now. */
export async function settleStop(job: Running, { why }: Stopped): Promise<JobEnd> {
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

/** What a runtime says when it fails may name hosts and files: the log has it, callers do not. */
const ENGINE_FAILED =
  'The engine failed twice at this generation, in two processes, and would fail again. Ask whoever ' +
  'runs the service for the reason.';

/** Settles what the engine refused or failed at: trying again would fail again. */
export async function fail(job: Running, { code, message: reason }: EngineError): Promise<JobEnd> {
  const { store, claim } = job;
  const { id } = claim.record;
  job.logger.error({ code, reason }, 'job failed');
  const message = code === 'ENGINE' ? ENGINE_FAILED : reason;
  const failed = await retryFor(job.leaseMs, () =>
    store.fail({ id, fence: claim.fence, error: { code, message }, ran: job.run.ran }),
  );
  return await end(job, 'failed', failed);
}

/** Back to the queue under a new message; where that cannot be sent now, a sweep sends it. */
export async function handBack(job: Running, why: HandBack, lastWords?: string): Promise<JobEnd> {
  const { store, broker, claim, logger } = job;
  const { id } = claim.record;
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
    await broker.publishJob(jobMessageOf(queued));
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
  const late = new AbortController();
  try {
    return await Promise.race([
      retryFor(SAVE_LIMIT_MS, () => saveCheckpoint(objects, { record, run, bits })),
      wait(SAVE_LIMIT_MS, undefined, { signal: late.signal }).then(() => {
        throw new Error(`the object store did not take it within ${SAVE_LIMIT_MS} ms`);
      }),
    ]);
  } catch (error) {
    logger.warn(
      { err: error },
      'the run could not be saved; the next attempt makes its steps again',
    );
    return undefined;
  } finally {
    late.abort();
  }
}

/** After the last write: `written` is false where a newer attempt holds the record. */
export async function end(
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
