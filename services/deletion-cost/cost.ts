import type { Load } from './scaling.ts';

/** Below an idle worker's. */
const UNKNOWN = -1;

/**
 * What it costs to end a worker: Kubernetes ends those of the lowest cost first. One that the record
 * does not know has not even loaded its model; an idle one loses nothing; of a busy one, what is left of
 * its jobs goes to others, unless it ends within the grace of its pod.
 *
 * Busy workers count the binary digits of their steps left. Each change is a write to the Kubernetes API,
 * and so a job changes the cost as often as it has digits, not as often as it has steps.
 *
 * @returns from -1 to 33; any int32 is allowed
 */
export function costOf(load: Load | undefined): number {
  if (load === undefined) return UNKNOWN;
  if (load.jobs === 0) return 0;
  return 1 + (32 - Math.clz32(load.stepsLeft));
}
