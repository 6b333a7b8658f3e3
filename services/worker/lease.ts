import type { Progress } from '@darkroom/contract';
import type { Claim, Ran, WorkerStore } from '@darkroom/generations';
import type { Logger } from '@darkroom/lifecycle';

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
  /** Asks the record now, having heard that something changed. */
  check(): void;
  stop(why: StopReason): void;
  /** Ends the heartbeat; the lease itself ends with what is written last. */
  end(): Promise<void>;
};

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
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();
  let ended = false;

  const stop = (why: StopReason) => {
    if (!controller.signal.aborted) controller.abort(new Stopped(why));
  };
  const beat = async (): Promise<void> => {
    if (ended) return;
    try {
      const { progress, ran } = lease;
      const answer = await store.heartbeat({ id: record.id, fence, leaseMs, progress, ran });
      if (answer === 'cancel-requested') stop('canceled');
      if (answer === 'lost') stop('lost');
    } catch (error) {
      // The run goes on: whether the lease held is decided by its fencing number at the end.
      logger.warn({ err: error }, 'heartbeat failed');
    }
  };
  const beatNow = () => {
    clearTimeout(timer);
    beating = beating.then(beat).then(() => {
      if (!ended) timer = setTimeout(beatNow, heartbeatMs);
    });
  };
  const lease: Lease = {
    signal: controller.signal,
    progress: record.progress,
    ran: { steps: 0, gpuMs: 0 },
    check: beatNow,
    stop,
    end: () => {
      ended = true;
      clearTimeout(timer);
      return beating;
    },
  };
  timer = setTimeout(beatNow, heartbeatMs);
  return lease;
}
