import { table } from '@darkroom/testing';
import type { Injected } from './inject.ts';
import type { Kill } from './kills.ts';
import type { LeaseVerdict } from './lease-verdict.ts';
import type { Breach, Verdict } from './verdict.ts';

export type Report = {
  seed: number;
  jobs: number;
  faults: number;
  plant?: string;
  minutes: number;
  /** From the last repair to the last end; null where not all came to one. */
  settledSeconds: number | null;
  injected: Injected[];
  /** How often services ended by themselves, by name. */
  failures: Record<string, number>;
  /** Absent when the run was broken off before its judgement. */
  verdict?: Verdict;
  /** Where leases were judged. */
  leases?: LeaseVerdict;
  kills?: Kill[];
  /** Why it was broken off. */
  brokenOff?: string;
};

const promises: readonly Breach['promise'][] = ['lost', 'twice', 'stuck', 'left over'];
const leasePromises: readonly Breach['promise'][] = ['aborted', 'slow'];

/** Some kinds cannot be had everywhere; with fewer than this share of its faults a run shows little. */
const LEAST_INJECTED = 0.9;

export const isClean = ({ verdict, brokenOff, injected, faults }: Report): boolean =>
  brokenOff === undefined &&
  verdict?.breaches.length === 0 &&
  verdict.internalErrors === 0 &&
  injected.filter(({ problem }) => problem === undefined).length >= faults * LEAST_INJECTED;

const MOST_BREACHES = 20;

/** The report as text: a table of faults by kind, then what came of the requests. */
export function renderReport(report: Report): string {
  const { verdict, injected } = report;
  const kinds = Map.groupBy(injected, ({ kind }) => kind);
  const rows = [...kinds]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([kind, faults]) => {
      const done = faults.filter(({ problem }) => problem === undefined);
      const longest = Math.max(0, ...done.map(({ tookSeconds }) => tookSeconds ?? 0));
      const problem = faults.find((fault) => fault.problem !== undefined)?.problem ?? '';
      return [kind, String(done.length), `${longest.toFixed(1)} s`, problem.slice(0, 90)];
    });
  const lines = [
    `chaos: seed ${report.seed}, ${report.jobs} jobs, ${report.faults} faults` +
      `${report.plant === undefined ? '' : `, planted: ${report.plant}`}`,
    '',
    ...table([['fault', 'injected', 'longest', ''], ...rows], ['left', 'right', 'right']),
    '',
  ];
  if (report.brokenOff !== undefined) lines.push(`broken off: ${report.brokenOff}`, '');
  const failed = Object.entries(report.failures).filter(([, count]) => count > 0);
  if (failed.length > 0) {
    const counts = failed.map(([name, count]) => `${name} ${count}×`).join(', ');
    lines.push(`ended by themselves and were started again: ${counts}`, '');
  }
  if (verdict !== undefined) lines.push(...renderVerdict(verdict, report));
  return lines.join('\n');
}

function renderVerdict(verdict: Verdict, report: Report): string[] {
  const { sent, accepted, refused, ended, afterBackup, toCollect, internalErrors, breaches } =
    verdict;
  const ends = Object.entries(ended).map(([state, count]) => `${count} ${state}`);
  const judged = [...promises, ...(report.leases === undefined ? [] : leasePromises)];
  const counts = judged.map(
    (promise) => `${breaches.filter((breach) => breach.promise === promise).length} ${promise}`,
  );
  const sorted = judged.flatMap((promise) => breaches.filter((each) => each.promise === promise));
  const more = breaches.length - MOST_BREACHES;
  return [
    `requests: ${sent} sent, ${accepted} accepted, ${refused} refused`,
    `accepted: ${ends.join(', ')}${afterBackup === 0 ? '' : `, ${afterBackup} gone with the database's restore, accepted after its backup`}`,
    `verdict: ${counts.join(', ')}; ${report.minutes.toFixed(1)} minutes, settled ${
      report.settledSeconds === null ? 'never' : `${report.settledSeconds.toFixed(1)} s after`
    }`,
    ...(report.leases === undefined ? [] : renderLeases(report.leases)),
    ...(toCollect > 0
      ? [`objects of lost attempts, to go with their generation: ${toCollect}`]
      : []),
    ...(internalErrors > 0 ? [`answered with 500 and asked again: ${internalErrors}`] : []),
    ...sorted.slice(0, MOST_BREACHES).map(({ promise, what }) => `  ${promise}: ${what}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function renderLeases(leases: LeaseVerdict): string[] {
  const { leaseMs, heartbeatMs, renewableMs, cutsOfRuns, attempts, takeover } = leases;
  const { spent, cutOff, killed } = attempts;
  const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  return [
    `leases: of ${inSeconds(leaseMs)}, renewed every ${inSeconds(heartbeatMs)}; ${cutsOfRuns} cuts met running jobs`,
    `attempts spent: ${spent} whose lease could be renewed, ${cutOff} cut off from Postgres for ` +
      `${inSeconds(renewableMs)} or more, ${killed} killed`,
    ...(takeover === null
      ? []
      : [
          `another attempt after ${takeover.count} kills: p50 ${inSeconds(takeover.p50)}, ` +
            `p99 ${inSeconds(takeover.p99)}, longest ${inSeconds(takeover.max)}`,
        ]),
  ];
}
