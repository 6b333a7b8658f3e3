import { type Logger, type Metrics, type Repetition, repeat } from '@darkroom/lifecycle';
import { costOf } from './cost.ts';
import type { Load } from './scaling.ts';
import type { WorkerPods } from './worker-pods.ts';

/** Writes at once. */
const TOGETHER = 20;

/**
 * Sets the cost of each worker's pod by what it has in hand, at once and again after each pause. While
 * the loads or the pods cannot be read, what is set stays.
 *
 * @param options.readLoads rejects when its signal aborts
 * @param options.intervalMs between two rounds, in milliseconds
 */
export function keepCosts(options: {
  readLoads: (signal: AbortSignal) => Promise<ReadonlyMap<string, Load>>;
  pods: WorkerPods;
  intervalMs: number;
  logger: Logger;
  metrics: Metrics;
}): Repetition {
  const { readLoads, pods, intervalMs: pauseMs, logger } = options;
  const { meter } = options.metrics;
  const changes = meter.createCounter('darkroom_deletion_cost_changes_total', {
    description: "Times that a worker pod's deletion cost was set to another value.",
  });
  const failures = meter.createCounter('darkroom_deletion_cost_failures_total', {
    description: 'Rounds in which the loads or the pods could not be read or a cost not be set.',
  });
  for (const count of [changes, failures]) count.add(0);

  const setCost = async (name: string, cost: number, signal: AbortSignal) => {
    if (!(await pods.setCost(name, cost, signal))) return;
    changes.add(1);
    logger.debug({ pod: name, cost }, 'cost set');
  };
  const round = async (signal: AbortSignal) => {
    const [loads, standing] = await Promise.all([readLoads(signal), pods.list(signal)]);
    const changed = standing
      .map(({ name, cost }) => ({ name, was: cost, cost: costOf(loads.get(name)) }))
      .filter(({ was, cost }) => was !== `${cost}`);
    const refused: unknown[] = [];
    for (let from = 0; from < changed.length; from += TOGETHER) {
      signal.throwIfAborted();
      const some = changed.slice(from, from + TOGETHER);
      const writes = some.map(({ name, cost }) => setCost(name, cost, signal));
      const results = await Promise.allSettled(writes);
      refused.push(...results.flatMap((result) => ('reason' in result ? [result.reason] : [])));
    }
    // One pod that cannot be written to does not keep the others from their cost.
    if (refused.length > 0) throw refused[0];
  };
  const onFailure = () => failures.add(1);
  return repeat(round, { name: 'set the deletion costs', pauseMs, logger, onFailure });
}
