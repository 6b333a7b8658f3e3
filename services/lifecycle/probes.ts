/** Rejects or answers false when the dependency cannot be used now. */
export type Check = () => unknown;

/** What a dependency without which the process still takes work is watched with. */
export type ReportedCheck = { check: Check; required: false };

export type CheckResult = { name: string; ready: boolean; reason?: string };

export type Readiness = { ready: boolean; checks: CheckResult[] };

export type Probes = {
  /** Whether the process takes work: not draining, and every check passes. */
  readiness(): Promise<Readiness>;
  /** Fails readiness from now on, so that no new work comes while the old is finished. */
  drain(): void;
};

/**
 * Composes a process's checks into its readiness. Liveness needs none of them: a process that
 * answers is alive, and a restart would not mend a dependency.
 *
 * @param timeLimitMs after which a check counts as failed
 */
export function createProbes(
  checks: Readonly<Record<string, Check | ReportedCheck>>,
  timeLimitMs = 2_000,
): Probes {
  let draining = false;
  const required = (name: string) => typeof checks[name] === 'function';
  return {
    drain: () => {
      draining = true;
    },
    readiness: async () => {
      const results = await Promise.all(
        Object.entries(checks).map(([name, entry]) =>
          runCheck(name, typeof entry === 'function' ? entry : entry.check, timeLimitMs),
        ),
      );
      const ready = results.every((result) => result.ready || !required(result.name));
      if (!draining) return { ready, checks: results };
      const stopping = { name: 'draining', ready: false, reason: 'shutting down' };
      return { ready: false, checks: [stopping, ...results] };
    },
  };
}

async function runCheck(name: string, check: Check, timeLimitMs: number): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, timeLimitMs, new Error(`no answer within ${timeLimitMs} ms`));
  });
  try {
    const answer = await Promise.race([(async () => check())(), late]);
    return answer === false ? { name, ready: false, reason: 'not ready' } : { name, ready: true };
  } catch (error) {
    return { name, ready: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
