import {
  DarkroomError,
  type FailureCode,
  type GenerationEvent,
  type GenerationState,
  jobMessageOf,
} from '@darkroom/contract';
import type { Checkpoint, Claim, WorkerStore } from '@darkroom/generations';
import { inSpan, type Logger, type Spans, within } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';
import { retryFor, retryWhile, withTimeLimit } from '@darkroom/timing';
import type { Span } from '@opentelemetry/api';
import { saveCheckpoint } from './checkpoint.ts';
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
  /** How long a write that the record refuses with an error is tried. */
  leaseMs: number;
  /** How long the object store may stay away before the job is handed back. */
  storageWaitMs: number;
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
const notSaved = () => new Error(`the object store did not take it within ${SAVE_LIMIT_MS} ms`);

/**
 * A write to the record, tried until the record answers, however long it is away: whether the job is
 * still this worker's is decided by its fencing number then. A worker that closes tries no longer
 * than its lease lasts, and an error that does not pass with time is tried for `leaseMs`.
 */
async function written<T>({ lease, leaseMs }: Job, write: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + leaseMs;
  const goesOn = (error: unknown) => {
    const isAway = error instanceof DarkroomError && error.kind === 'unavailable';
    if (!isAway) return performance.now() < giveUpAt;
    return !(lease.isClosing() && lease.isOver());
  };
  return await retryWhile(goesOn, write);
}

/** As the reason to stop asks: canceled, handed back, or left to the attempt that holds it now. */
export async function settleStop(job: Running, { why }: Stopped): Promise<JobEnd> {
  const { store, claim } = job;
  if (why === 'lost') return await leave(job);
  if (why === 'closing') return await handBack(job, 'closed');
  const { fence } = claim;
  const { id } = claim.record;
  const { ran } = job.run;
  const { progress } = job.lease;
  const settled = await written(job, () => store.settleCancel({ id, fence, progress, ran }));
  return await end(job, 'canceled', settled);
}

/** What a runtime says when it fails may name hosts and files: the log has it, callers do not. */
const ENGINE_FAILED =
  'The engine failed twice at this generation, in two processes, and would fail again. Ask the ' +
  'operator of the service for the reason.';

/** Settles what cannot be made: trying again would fail again. */
export async function fail(
  job: Running,
  { code, message: reason }: { code: FailureCode; message: string },
): Promise<JobEnd> {
  const { store, claim } = job;
  const { id } = claim.record;
  job.logger.error({ code, reason }, 'job failed');
  const message = code === 'ENGINE' ? ENGINE_FAILED : reason;
  const failed = await written(job, () =>
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
  const queued = await written(job, () =>
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
  try {
    const saving = retryFor(SAVE_LIMIT_MS, () => saveCheckpoint(objects, { record, run, bits }));
    return await withTimeLimit(saving, { ms: SAVE_LIMIT_MS, late: notSaved });
  } catch (error) {
    logger.warn(
      { err: error },
      'the run could not be saved; the next attempt makes its steps again',
    );
    return undefined;
  }
}

/** running → succeeded under the fence, which decides whether it is still this worker's. */
export async function complete(
  job: Running,
  result: Pick<Parameters<WorkerStore['complete']>[0], 'images' | 'truncated' | 'timings'>,
): Promise<JobEnd> {
  const { store, claim, span, spans } = job;
  const { fence } = claim;
  const { id } = claim.record;
  const completing = spans.startSpan('complete generation', {}, within(span));
  const completed = await inSpan(completing, () =>
    written(job, () => store.complete({ id, fence, ran: job.run.ran, ...result })),
  );
  return await end(job, 'succeeded', completed);
}

/** After the write that ends the record, which was refused where another attempt holds the job. */
async function end(
  job: Job,
  state: 'succeeded' | 'failed' | 'canceled',
  isWritten: boolean,
): Promise<JobEnd> {
  if (!isWritten) return await leave(job);
  const { record, fence } = job.claim;
  tellState(job, state, record.revision + 1);
  // All that lies there is named, or nothing lies there, where a first claim ends its own record,
  // unless it was canceled amid the storing.
  if (fence > 1 || state === 'canceled') await collect(job);
  return state;
}

/** The job is another attempt's, or its record has ended: nothing is written, and what we stored goes. */
async function leave(job: Job): Promise<JobEnd> {
  job.logger.warn('the job is not ours any more: its lease ran out');
  await collect(job);
  return 'lost';
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
