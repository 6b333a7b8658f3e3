import { withTimeLimit } from '@darkroom/timing';
import type { Logger } from './logger.ts';

/** Rejects or answers false when the dependency cannot be used now. */
export type Check = () => unknown;

/** What a dependency without which the process still takes work is watched with. */
export type ReportedCheck = { check: Check; required: false };

/** Without a reason: whoever may ask is not told of users, hosts and buckets; the log is. */
export type CheckResult = { name: string; ready: boolean };

export type Readiness = { ready: boolean; checks: CheckResult[] };

export type Probes = {
  /**
   * Whether the process takes work: not draining, and every check passes. However many ask, the
   * checks run once at a time, and what they found counts for a second.
   */
  readiness(): Promise<Readiness>;
  /** Fails readiness from now on, so that no new work comes while the old is finished. */
  drain(): void;
};

/**
 * Composes a process's checks into its readiness. Liveness needs none of them: a process that
 * answers is alive, and a restart would not fix a dependency. Why a check fails goes to the log,
 * once until it passes again.
 *
 * @param options.timeLimitMs after which a check counts as failed
 * @param options.maxAgeMs how long the result of the checks counts
 */
export function createProbes(
  checks: Readonly<Record<string, Check | ReportedCheck>>,
  options: { logger: Logger; timeLimitMs?: number; maxAgeMs?: number },
): Probes {
  const { logger, timeLimitMs = 2_000, maxAgeMs = 1_000 } = options;
  let draining = false;
  const failing = new Set<string>();
  const observe = async (name: string, check: Check): Promise<CheckResult> => {
    const reason = await reasonAgainst(check, timeLimitMs);
    const ready = reason === undefined;
    if (ready && failing.delete(name)) logger.info({ check: name }, 'check passes again');
    if (!ready && !failing.has(name)) {
      failing.add(name);
      logger.warn({ check: name, reason }, 'check fails');
    }
    return { name, ready };
  };
  const observeAll = () =>
    Promise.all(
      Object.entries(checks).map(([name, entry]) =>
        observe(name, typeof entry === 'function' ? entry : entry.check),
      ),
    );
  let results: Promise<CheckResult[]> | undefined;
  let staleAt = 0;
  const observed = (): Promise<CheckResult[]> => {
    if (results === undefined || performance.now() >= staleAt) {
      // While the checks run, all wait for them.
      staleAt = Number.POSITIVE_INFINITY;
      results = observeAll().finally(() => {
        staleAt = performance.now() + maxAgeMs;
      });
    }
    return results;
  };
  const required = (name: string) => typeof checks[name] === 'function';
  return {
    drain: () => {
      draining = true;
    },
    readiness: async () => {
      const results = await observed();
      const ready = results.every((result) => result.ready || !required(result.name));
      if (!draining) return { ready, checks: results };
      return { ready: false, checks: [{ name: 'draining', ready: false }, ...results] };
    },
  };
}

/** Why a check fails; undefined when it passes. */
async function reasonAgainst(check: Check, timeLimitMs: number): Promise<string | undefined> {
  const late = () => new Error(`no answer within ${timeLimitMs} ms`);
  try {
    const answer = await withTimeLimit((async () => check())(), { ms: timeLimitMs, late });
    return answer === false ? 'not ready' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
