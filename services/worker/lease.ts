import type { Progress } from '@darkroom/contract';
import type { Claim, Ran, WorkerStore } from '@darkroom/generations';
import type { Logger } from '@darkroom/lifecycle';
import { createBackoff, sleep } from '@darkroom/timing';

/** Why a job is stopped before its end. */
export type StopReason = 'canceled' | 'lost' | 'closing';

/** The reason of a lease's signal. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly why: StopReason;

  constructor(why: StopReason) {
    super(`the job was stopped: ${why}`);
    this.why = why;
  }
}

/** The right to run one job, kept up by a heartbeat. */
export type Lease = {
  /** Aborts with a `Stopped` when the job is canceled, the lease lost, or the worker closed. */
  readonly signal: AbortSignal;
  /** Noted with the next heartbeat. */
  progress: Progress;
  /** By this attempt; noted with the next heartbeat. */
  ran: Ran;
  /**
   * Whether the lease has run out by this process's clock, which is never before it has by the
   * database's. Another may have the job then, and its fencing number says whether one has.
   */
  isOver(): boolean;
  /** Whether the worker closes, whatever the job was stopped for first. */
  isClosing(): boolean;
  /** Asks the record now, having heard that something changed. */
  check(): void;
  stop(why: StopReason): void;
  /** Ends the heartbeat; the lease itself ends with what is written last. */
  end(): Promise<void>;
};

/**
 * How long a lease lasts, and how often it is renewed. A killed worker's job begins elsewhere when its
 * lease has run out, which is to be within 10 s, and a sweep may take 3 s to find it. A worker that
 * is cut off from the database has five to seven seconds to come back.
 */
export const LEASE_MS = 7_000;
export const HEARTBEAT_MS = 2_000;

/** The first pause after a heartbeat that failed, in milliseconds; doubled up to half a second. */
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 500;

/**
 * Renews a lease every `heartbeatMs`, and sooner after a heartbeat that failed. A record that cannot
 * be reached stops nothing: as soon as it can be, the next heartbeat renews the lease, or is told
 * that another attempt has taken it.
 */
export function holdLease(options: {
  store: Pick<WorkerStore, 'heartbeat'>;
  claim: Claim;
  leaseMs: number;
  heartbeatMs: number;
  logger: Logger;
}): Lease {
  const { store, claim, leaseMs, heartbeatMs, logger } = options;
  const { record, fence } = claim;
  const controller = new AbortController();
  const backoff = createBackoff({
    firstMs: Math.min(FIRST_RETRY_MS, heartbeatMs),
    longestMs: Math.min(LONGEST_RETRY_MS, heartbeatMs),
  });
  let renewedAt = performance.now();
  let pause = new AbortController();
  let closing = false;
  let ended = false;

  const stop = (why: StopReason) => {
    closing ||= why === 'closing';
    if (!controller.signal.aborted) controller.abort(new Stopped(why));
  };
  /** @returns whether the record answered */
  const beat = async (): Promise<boolean> => {
    const askedAt = performance.now();
    try {
      const { progress, ran } = lease;
      const answer = await store.heartbeat({ id: record.id, fence, leaseMs, progress, ran });
      if (answer === 'lost') stop('lost');
      else renewedAt = performance.now();
      if (answer === 'cancel-requested') stop('canceled');
      return true;
    } catch (error) {
      const silentMs = Math.round(askedAt - renewedAt);
      logger.warn({ err: error, silentMs }, 'heartbeat failed; the job goes on');
      return false;
    }
  };
  /** One beat after another; `check` ends a pause, or leaves out the next one. */
  const beatUntilEnded = async (): Promise<void> => {
    let isAnswered = true;
    while (!ended) {
      if (isAnswered) {
        backoff.reset();
        await sleep(heartbeatMs, pause.signal);
      } else await backoff.wait(pause.signal);
      if (ended) return;
      pause = new AbortController();
      isAnswered = await beat();
    }
  };
  const lease: Lease = {
    signal: controller.signal,
    progress: record.progress,
    ran: { steps: 0, gpuMs: 0 },
    isOver: () => performance.now() - renewedAt >= leaseMs,
    isClosing: () => closing,
    check: () => pause.abort(),
    stop,
    end: () => {
      ended = true;
      pause.abort();
      return beating;
    },
  };
  const beating = beatUntilEnded();
  return lease;
}
