import { type GenerationEvent, MAX_ATTEMPTS } from '@darkroom/contract';
import type { ClaimResult, WorkerStore } from '@darkroom/generations';
import type { Logger, Registry } from '@darkroom/lifecycle';
import type { Broker, JobDelivery, Outcome, Subscription } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';
import { createBackoff } from './backoff.ts';
import type { Inference } from './inference/inference-process.ts';
import { runJob } from './job.ts';
import { holdLease, type Lease } from './lease.ts';
import { createTurns } from './turns.ts';
import { type JobEnd, workerMetrics } from './worker-metrics.ts';

export type WorkerOptions = {
  store: WorkerStore;
  broker: Broker;
  objects: ObjectStore;
  inference: Inference;
  /** Whose queues to take from. The engine has one slot, whatever their number. */
  models: readonly string[];
  /** Named in the leases. */
  workerId: string;
  /** How long a job stays this worker's without a heartbeat. @default 30_000 */
  leaseMs?: number;
  /** Well below `leaseMs`. @default 5_000 */
  heartbeatMs?: number;
  logger: Logger;
  metrics: Registry;
};

/** Takes jobs → claims → runs → stores → completes → acknowledges. */
export type Worker = {
  start(): Promise<void>;
  /** Takes no more jobs and finishes the one in hand. */
  drain(): Promise<void>;
  /** Takes no more jobs and hands the one in hand back. */
  close(): Promise<void>;
};

export function createWorker(options: WorkerOptions): Worker {
  const { store, broker, workerId, leaseMs = 30_000, heartbeatMs = 5_000 } = options;
  const metrics = workerMetrics(options.metrics);
  const backoff = createBackoff(200, 30_000);
  const stopping = new AbortController();
  const turns = createTurns();
  const subscriptions: Subscription[] = [];
  const inHand = new Map<string, Lease>();

  /** Decides a message; with one engine, one at a time, and unclaimed until its turn. */
  const handle = (delivery: JobDelivery): Promise<Outcome> =>
    turns(async () => {
      const { generationId, model, traceparent } = delivery.job;
      const logger = options.logger.child({ generationId, traceparent });
      // Not begun, so the broker gives it to a worker that stays.
      if (stopping.signal.aborted) return 'requeue';
      let jobEnd: JobEnd;
      try {
        jobEnd = await take(delivery, logger);
      } catch (error) {
        logger.error({ err: error }, 'the job could not be decided: the store is away');
        jobEnd = 'requeued';
      }
      metrics.jobs.inc({ model, end: jobEnd });
      // The next job would fare no better now. What is requeued, the broker delays itself.
      if (jobEnd === 'storage-away') await backoff.wait(stopping.signal);
      else backoff.reset();
      return jobEnd === 'requeued' ? 'requeue' : 'acknowledge';
    });

  const take = async (delivery: JobDelivery, logger: Logger): Promise<JobEnd> => {
    const { job, messageId, redelivered } = delivery;
    const result: ClaimResult = await store.claim({
      id: job.generationId,
      messageId,
      redelivered,
      worker: workerId,
      leaseMs,
      maxAttempts: MAX_ATTEMPTS,
    });
    if (!result.claimed) {
      // The record is the truth: it is finished, or another has it, or a sweep will send it anew.
      logger.info({ reason: result.reason, messageId, redelivered }, 'job refused');
      return 'refused';
    }
    const { claim } = result;
    const { id, revision, attempt } = claim.record;
    const lease = holdLease({ store, claim, leaseMs, heartbeatMs, logger });
    inHand.set(id, lease);
    metrics.inHand.inc();
    logger.info({ attempt, fence: claim.fence, redelivered }, 'job claimed');
    broker.publishEvent({
      version: 1,
      type: 'state',
      generationId: id,
      revision,
      state: 'running',
    });
    try {
      const jobEnd = await runJob({ ...options, leaseMs, metrics, logger, claim, lease });
      logger.info({ end: jobEnd }, 'job ended');
      return jobEnd;
    } finally {
      inHand.delete(id);
      metrics.inHand.dec();
      await lease.end();
    }
  };

  const onCancel = (event: GenerationEvent) => inHand.get(event.generationId)?.check();

  const stop = async () => {
    stopping.abort();
    await Promise.all(subscriptions.splice(0).map((subscription) => subscription.stop()));
  };

  return {
    start: async () => {
      subscriptions.push(await broker.subscribeEvents('cancel', onCancel));
      for (const model of options.models) {
        subscriptions.push(await broker.consumeJobs({ model, prefetch: 1 }, handle));
      }
    },
    drain: stop,
    close: async () => {
      for (const lease of inHand.values()) lease.stop('closing');
      await stop();
    },
  };
}
