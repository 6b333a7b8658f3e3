import type { Generation } from '@darkroom/client/source';
import type { EvidenceDetail } from '@darkroom/contract';
import type { Injected } from './inject.ts';
import type { Kill } from './kills.ts';

/** What is judged beside the promises of every run, where faults are cuts and kills alone. */
export type LeaseFacts = {
  generations: readonly (Pick<
    Generation,
    'id' | 'state' | 'attempt' | 'error' | 'createdAt' | 'finishedAt' | 'timings'
  > & { evidence: EvidenceDetail[] })[];
  /** Of connections, before the kills. */
  cuts: readonly Injected[];
  kills: readonly Kill[];
  /** By worker: runs that ended before their time, as its metrics say, before the kills. */
  abortedRuns: ReadonlyMap<string, number>;
  /** How long a lease is, and how long a worker waits between two renewals. */
  leaseMs: number;
  heartbeatMs: number;
};

/**
 * `aborted`: a run was taken from a worker that could have renewed its lease. `slow`: a killed
 * worker's job waited too long for the next attempt.
 */
export type LeaseBreach = { promise: 'aborted' | 'slow' | 'lost'; what: string };

export type LeaseVerdict = {
  leaseMs: number;
  heartbeatMs: number;
  /** The shortest cut of a worker's link to Postgres that may cost it its lease. */
  renewableMs: number;
  /** Cuts while a generation was running. */
  cutsOfRuns: number;
  attempts: {
    /** Though their leases could have been renewed. */
    spent: number;
    /** Behind a cut too long for their lease. */
    cutOff: number;
    /** Of workers that were killed. */
    killed: number;
  };
  /** Until another attempt ran, in milliseconds; null without kills. */
  takeover: { count: number; p50: number; p99: number; max: number } | null;
};

/** To connect again and renew, on a machine that is busy. A gap that is shorter renews nothing. */
const RENEW_MS = 1_000;
/** What ended a lease is seen by a claim or a sweep; that takes no longer than this. */
const NOTICE_MS = 30_000;
const TAKEOVER_LIMIT_MS = 10_000;

type Interval = { from: number; to: number };

export function judgeLeases(facts: LeaseFacts): {
  verdict: LeaseVerdict;
  breaches: LeaseBreach[];
} {
  const { generations, cuts, kills, leaseMs, heartbeatMs } = facts;
  const breaches: LeaseBreach[] = [];
  const breach = (promise: LeaseBreach['promise'], what: string) =>
    breaches.push({ promise, what });
  const renewableMs = Math.max(leaseMs - heartbeatMs - RENEW_MS, RENEW_MS);
  const offline = (worker: string): Interval[] =>
    merge(cuts.filter(({ target }) => target === `${worker}→postgres`).map(intervalOf)).filter(
      ({ from, to }) => to - from >= renewableMs,
    );
  const wasKilled = (worker: string, at: number): boolean =>
    kills.some((kill) => kill.worker === worker && isNear(at, kill.at, kill.at + leaseMs));
  const wasCutOff = (worker: string, at: number): boolean =>
    offline(worker).some(({ from, to }) => isNear(at, from, to + leaseMs));

  const attempts = { spent: 0, cutOff: 0, killed: 0 };
  const excused = new Map<string, number>();
  for (const { id, state, attempt, evidence, error } of generations) {
    const spentBefore = attempts.spent;
    for (const { worker, attempt: lost, at: time, cause } of evidence) {
      const at = Date.parse(time);
      if (wasKilled(worker, at)) attempts.killed += 1;
      else if (cause === 'lease-ended' && wasCutOff(worker, at)) {
        attempts.cutOff += 1;
        excused.set(worker, (excused.get(worker) ?? 0) + 1);
      } else {
        attempts.spent += 1;
        breach('aborted', `${id}: attempt ${lost} was taken from ${worker} at ${time} (${cause})`);
      }
    }
    const unexplained = attempt - 1 - evidence.length;
    if (unexplained > 0) {
      attempts.spent += unexplained;
      breach('aborted', `${id} is at attempt ${attempt} with ${evidence.length} told as lost`);
    }
    // Five workers in a row that could not renew: nothing was broken, and the caller was told.
    const isWornOut =
      error?.code === 'ATTEMPTS' && evidence.length >= attempt && attempts.spent === spentBefore;
    if (state === 'failed' && !isWornOut)
      breach('lost', `${id} failed with ${error?.code}: ${error?.message}`);
  }
  for (const [worker, count] of facts.abortedRuns) {
    const more = count - (excused.get(worker) ?? 0);
    if (more > 0 && !breaches.some(({ promise }) => promise === 'aborted')) {
      breach('aborted', `${worker} broke off ${more} runs of which no lost attempt tells`);
    }
  }

  const sorted = kills.map(({ takenOverMs }) => takenOverMs ?? Number.POSITIVE_INFINITY);
  sorted.sort((a, b) => a - b);
  const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
  const takeover = {
    ...{ count: sorted.length, p50: percentile(0.5), p99: percentile(0.99), max: percentile(1) },
  };
  if (takeover.p99 > TAKEOVER_LIMIT_MS) {
    breach(
      'slow',
      `the job of a killed worker began again after ${seconds(takeover.p99)} at p99, ` +
        `${seconds(TAKEOVER_LIMIT_MS)} are allowed`,
    );
  }
  return {
    breaches,
    verdict: {
      ...{ leaseMs, heartbeatMs, renewableMs, attempts },
      cutsOfRuns: cuts.filter((cut) => generations.some((one) => ranDuring(one, intervalOf(cut))))
        .length,
      takeover: kills.length === 0 ? null : takeover,
    },
  };
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

const isNear = (at: number, from: number, to: number): boolean =>
  from <= at && at <= to + NOTICE_MS;

const intervalOf = ({ startedAt, tookSeconds = 0 }: Injected): Interval => ({
  from: startedAt,
  to: startedAt + tookSeconds * 1_000,
});

/** Joins intervals with too little time between them to renew a lease. */
function merge(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const { from, to } of intervals.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && from - last.to < RENEW_MS) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

function ranDuring(
  { createdAt, finishedAt, timings }: LeaseFacts['generations'][number],
  { from, to }: Interval,
): boolean {
  const began = Date.parse(createdAt) + (timings.queuedMs ?? Number.POSITIVE_INFINITY);
  const ended = finishedAt === null ? Number.POSITIVE_INFINITY : Date.parse(finishedAt);
  return began <= to && from <= ended;
}
