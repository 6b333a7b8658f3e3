import { randomUUID } from 'node:crypto';
import { DarkroomError, type GenerationEvent, MAX_ATTEMPTS } from '@darkroom/contract';
import type { ClaimResult, WorkerStore } from '@darkroom/generations';
import {
  contextOf,
  inSpan,
  type Logger,
  type Metrics,
  markFailed,
  noSpans,
  type Spans,
  within,
} from '@darkroom/lifecycle';
import type { Broker, JobDelivery, JobHandler, Outcome, Subscription } from '@darkroom/messaging';
import type { ObjectStore } from '@darkroom/storage';
import { createBackoff, retryFor, sleep } from '@darkroom/timing';
import { type Span, SpanKind } from '@opentelemetry/api';
import type { Inference } from './inference/inference-process.ts';
import { runJob } from './job.ts';
import { HEARTBEAT_MS, holdLease, LEASE_MS, type Lease } from './lease.ts';
import { announcePresence, type Presence } from './presence.ts';
import { createTurns } from './turns.ts';
import { type JobEnd, workerMetrics } from './worker-metrics.ts';

/** How long a message waits for the engine to come back before it is delivered again. */
const ENGINE_WAIT_MS = 10_000;

/**
 * Messages kept at most, for jobs that other workers hold. There are as many as running jobs when a
 * broker comes back. One more is acknowledged: should its job be lost, a sweep sends it again.
 */
const MOST_KEPT = 256;

export type WorkerOptions = {
  store: WorkerStore;
  broker: Broker;
  objects: ObjectStore;
  inference: Inference;
  /** Whose queues to take from; they share the engine's slots. */
  models: readonly string[];
  /** Jobs that the engine runs at once, of all models together. @default 1 */
  slots?: number;
  /** Named in the leases. */
  workerId: string;
  /** How long a job stays this worker's without a heartbeat. @default 7_000 */
  leaseMs?: number;
  /** Between two renewals of the lease, at most a third of `leaseMs`. @default 2_000 */
  heartbeatMs?: number;
  /** How long the object store may stay away before a job is handed back. @default 30_000 */
  storageWaitMs?: number;
  logger: Logger;
  metrics: Metrics;
  /** @default none are exported */
  spans?: Spans | undefined;
};

/** Takes jobs → claims → runs → stores → completes → acknowledges. */
export type Worker = {
  start(): Promise<void>;
  /**
   * Takes no more jobs and finishes the one in hand.
   *
   * @param graceMs how long that may take before it is handed back; without: as long as it takes
   */
  drain(graceMs?: number): Promise<void>;
  /** Takes no more jobs and hands the one in hand back, with its run saved. */
  close(): Promise<void>;
};

/** Another worker holds the job, for so long unless it renews its lease. */
type Leased = { leftMs: number };

export function createWorker(options: WorkerOptions): Worker {
  const { store, broker, inference, workerId, slots = 1, spans = noSpans } = options;
  const { leaseMs = LEASE_MS, heartbeatMs = HEARTBEAT_MS, storageWaitMs = 30_000 } = options;
  const metrics = workerMetrics(options.metrics, inference);
  const backoff = createBackoff({ firstMs: 200, longestMs: 30_000 });
  const stopping = new AbortController();
  const turns = createTurns(slots);
  const subscriptions: Subscription[] = [];
  let cancels: Subscription | undefined;
  let stopped: Promise<void> | undefined;
  let presence: Presence | undefined;
  let closing = false;
  let kept = 0;
  const inHand = new Map<string, Lease>();
  let mayStore = true;

  /**
   * Decides a message; as many at a time as the engine has slots, and unclaimed until its turn. With
   * several models, messages of each may wait so while another worker is idle. They are not given
   * back: they would come round again and again, and lose their turn here to the model that runs.
   */
  const decide = (delivery: JobDelivery): Promise<Outcome | Leased> =>
    turns(async () => {
      const { generationId, model, traceparent } = delivery.job;
      // Not begun, so the broker gives it to a worker that stays.
      if (stopping.signal.aborted) return 'requeue';
      const attributes = {
        'messaging.system': broker.system,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': model,
        'messaging.message.id': delivery.messageId,
        'darkroom.generation.id': generationId,
        'darkroom.worker': workerId,
      };
      const kind = SpanKind.CONSUMER;
      const span = spans.startSpan(
        `process ${model}`,
        { kind, attributes },
        contextOf(traceparent),
      );
      const { traceId } = span.spanContext();
      const logger = options.logger.child({ generationId, traceId });
      let jobEnd: JobEnd | Leased;
      try {
        // A job is claimed only by who can run it: without an engine, another may take it.
        await inference.up(ENGINE_WAIT_MS, stopping.signal);
        // Nor is one made whose pictures would be lost again.
        if (!mayStore) await options.objects.check();
        jobEnd = await take(delivery, span, logger);
      } catch (error) {
        logger.warn({ err: error }, 'the job cannot be decided now');
        jobEnd = 'requeued';
        markFailed(span, error);
      }
      span.setAttribute('darkroom.job.end', typeof jobEnd === 'object' ? 'kept' : jobEnd).end();
      if (typeof jobEnd === 'object') return jobEnd;
      metrics.jobs.add(1, { model, end: jobEnd });
      if (jobEnd !== 'requeued') mayStore = jobEnd !== 'storage-away';
      // The next job would fare no better now. What is requeued, the broker delays itself.
      const isAway = jobEnd === 'storage-away' || jobEnd === 'engine-away';
      if (isAway) await backoff.wait(stopping.signal);
      else backoff.reset();
      return jobEnd === 'requeued' ? 'requeue' : 'acknowledge';
    });

  /**
   * A message for a job that another worker holds is kept until that lease is over, without a slot,
   * and then goes back to the queue for a worker that is free: which claims the job, or drops the
   * message because the record has ended, or keeps it again because the lease was renewed.
   */
  const handle: JobHandler = async (delivery, keep) => {
    const decided = await decide(delivery);
    if (typeof decided === 'string') return decided;
    if (kept >= MOST_KEPT) return 'acknowledge';
    keep();
    kept += 1;
    await sleep(decided.leftMs, stopping.signal);
    kept -= 1;
    return 'requeue';
  };

  /**
   * Claims, and where the record did not answer, once more under the same id: the claim may stand.
   * Where the record was away, a lease may have run out meanwhile that its holder will renew, so
   * holders have the time of a heartbeat for that first.
   */
  const claimJob = async (id: string, logger: Logger): Promise<ClaimResult> => {
    const claimId = randomUUID();
    const claim = { id, claimId, worker: workerId, leaseMs, maxAttempts: MAX_ATTEMPTS };
    try {
      return await store.claim(claim);
    } catch (error) {
      logger.warn({ err: error }, 'the claim was not answered; it is repeated');
    }
    const repeat = async () => {
      await store.check();
      await sleep(heartbeatMs, stopping.signal);
      return await store.claim(claim);
    };
    return await retryFor(leaseMs, repeat, stopping.signal);
  };

  const take = async (
    delivery: JobDelivery,
    span: Span,
    logger: Logger,
  ): Promise<JobEnd | Leased> => {
    const { job, messageId, redelivered } = delivery;
    const claiming = spans.startSpan('claim generation', {}, within(span));
    const result = await inSpan(claiming, () => claimJob(job.generationId, logger));
    if (!result.claimed) {
      const { claimed: _, ...refusal } = result;
      if (refusal.reason === 'leased') {
        logger.info({ ...refusal, messageId, redelivered }, 'job held by another worker');
        return refusal;
      }
      // The record is the truth, and nothing is left to do.
      logger.info({ ...refusal, messageId, redelivered }, 'job refused');
      return 'refused';
    }
    const { claim } = result;
    const { id, revision, attempt } = claim.record;
    const lease = holdLease({ store, claim, leaseMs, heartbeatMs, logger });
    inHand.set(id, lease);
    if (closing) lease.stop('closing');
    metrics.inHand.add(1);
    logger.info({ attempt, fence: claim.fence, redelivered }, 'job claimed');
    broker.publishEvent({
      version: 1,
      type: 'state',
      generationId: id,
      revision,
      state: 'running',
    });
    try {
      const jobEnd = await runJob({
        ...options,
        leaseMs,
        storageWaitMs,
        metrics,
        logger,
        span,
        spans,
        claim,
        lease,
      });
      logger.info({ end: jobEnd }, 'job ended');
      return jobEnd;
    } finally {
      inHand.delete(id);
      metrics.inHand.add(-1);
      await lease.end();
    }
  };

  const onCancel = (event: GenerationEvent) => inHand.get(event.generationId)?.check();

  const stop = async () => {
    stopping.abort(new DarkroomError('unavailable', 'the worker is stopping'));
    presence?.tell();
    // What waited for the job in hand goes back to the broker now, and not when that job ends.
    turns.end();
    await Promise.all(subscriptions.map((subscription) => subscription.stop()));
    // Heard for as long as a job is in hand.
    await cancels?.stop();
    await presence?.end();
  };
  const handBack = () => {
    closing = true;
    for (const lease of inHand.values()) lease.stop('closing');
  };
  const drain = async (graceMs?: number) => {
    const grace = graceMs === undefined ? undefined : setTimeout(handBack, graceMs);
    stopped ??= stop();
    try {
      await stopped;
    } finally {
      clearTimeout(grace);
    }
  };
  const look = () => {
    const isUp = inference.pid() !== undefined;
    const state = stopping.signal.aborted ? 'draining' : isUp ? 'ready' : 'loading';
    return { state, crashes: inference.crashes() } as const;
  };

  return {
    start: async () => {
      cancels = await broker.subscribeEvents('cancel', onCancel);
      for (const model of options.models) {
        subscriptions.push(await broker.consumeJobs({ model, prefetch: slots }, handle));
      }
      const { models, logger } = options;
      const intervalMs = heartbeatMs;
      presence = announcePresence({ store, worker: workerId, models, intervalMs, logger, look });
    },
    drain,
    close: async () => {
      handBack();
      await drain();
    },
  };
}
