import { CommandFailure } from '../commands/command-failure.ts';
import type { Manifest } from '../render/manifest.ts';
import { type Difference, driftOf } from './differences.ts';
import type { KubeApi } from './kube-api.ts';
import { readLive } from './live.ts';
import { allObjects, currentOf, type Entry, type Record } from './record.ts';

/** The release that a cluster runs, its objects as they were applied and as the cluster held them then. */
export type RunningRelease = { entry: Entry; objects: Manifest[]; applied: Manifest[] };

/**
 * Reads it from the cluster's own record; undefined before the first that was verified.
 *
 * @throws CommandFailure where the history names one whose objects the record has lost
 */
export async function runningRelease(record: Record): Promise<RunningRelease | undefined> {
  const entry = currentOf(await record.history());
  if (entry === undefined) return undefined;
  const stored = await record.release(entry);
  if (stored?.applied === undefined) {
    throw new CommandFailure(
      `the record of ${entry.release} is missing: promote it again from its folder`,
    );
  }
  return { entry, objects: allObjects(stored.objects), applied: stored.applied };
}

/** Where the cluster is another than its release was when it was verified. */
export async function driftFrom(
  { objects, applied }: RunningRelease,
  api: KubeApi,
): Promise<Difference[]> {
  return driftOf(applied, await readLive(api, objects));
}
