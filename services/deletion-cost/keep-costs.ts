import type { Logger, Metrics } from '@darkroom/lifecycle';
import { sleep, withTimeLimit } from '@darkroom/timing';
import { costOf } from './cost.ts';
import type { Load } from './scaling.ts';
import type { WorkerPods } from './worker-pods.ts';

/** No round takes longer, so that an answer that never comes does not end the rounds. */
const ROUND_LIMIT_MS = 10_000;

/** Writes at once. */
const TOGETHER = 20;

export type CostKeeper = {
  /** Whether the last round did what it should. */
  isUp(): boolean;
  stop(): Promise<void>;
};

/**
 * Sets the cost of each worker's pod by what it has in hand, at once and again after each pause. While
 * the loads or the pods cannot be read, what is set stays.
 */
export function keepCosts(options: {
  readLoads: () => Promise<ReadonlyMap<string, Load>>;
  pods: WorkerPods;
  intervalMs: number;
  logger: Logger;
  metrics: Metrics;
}): CostKeeper {
  const { readLoads, pods, intervalMs, logger } = options;
  const { meter } = options.metrics;
  const changes = meter.createCounter('darkroom_deletion_cost_changes_total', {
    description: "Times that a worker pod's deletion cost was set to another value.",
  });
  const failures = meter.createCounter('darkroom_deletion_cost_failures_total', {
    description: 'Rounds in which the loads or the pods could not be read or a cost not be set.',
  });
  for (const count of [changes, failures]) count.add(0);
  const stopping = new AbortController();
  let up = false;
  let failing = false;

  const setCost = async (name: string, cost: number) => {
    if (!(await pods.setCost(name, cost))) return;
    changes.add(1);
    logger.debug({ pod: name, cost }, 'cost set');
  };
  const round = async () => {
    const [loads, standing] = await Promise.all([readLoads(), pods.list()]);
    const changed = standing
      .map(({ name, cost }) => ({ name, was: cost, cost: costOf(loads.get(name)) }))
      .filter(({ was, cost }) => was !== `${cost}`);
    const refused: unknown[] = [];
    for (let from = 0; from < changed.length; from += TOGETHER) {
      const some = changed.slice(from, from + TOGETHER);
      const results = await Promise.allSettled(some.map(({ name, cost }) => setCost(name, cost)));
      refused.push(...results.flatMap((result) => ('reason' in result ? [result.reason] : [])));
    }
    // One pod that cannot be written to does not keep the others from their cost.
    if (refused.length > 0) throw refused[0];
  };
  const late = () => new Error(`no answer within ${ROUND_LIMIT_MS} ms`);
  const tryRound = async () => {
    try {
      await withTimeLimit(round(), { ms: ROUND_LIMIT_MS, late, signal: stopping.signal });
      if (failing) logger.info('deletion costs are kept again');
      failing = false;
      up = true;
    } catch (error) {
      if (stopping.signal.aborted) return;
      failures.add(1);
      const reason = reasonOf(error);
      if (!failing) logger.warn({ reason }, 'deletion costs stay as they are for now');
      failing = true;
      up = false;
    }
  };
  const rounds = (async () => {
    while (!stopping.signal.aborted) {
      await tryRound();
      await sleep(intervalMs, stopping.signal);
    }
  })();
  return {
    isUp: () => up,
    stop: async () => {
      stopping.abort();
      await rounds;
    },
  };
}

/** `fetch failed` says little; what caused it says more. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
