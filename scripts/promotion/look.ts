import { readdir } from 'node:fs/promises';
import { differencesOf } from '../../platform/checks/equal-environments.ts';
import type { Finding } from '../../platform/checks/finding.ts';
import { CommandFailure } from '../commands/failure.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import type { Difference } from './differences.ts';
import { driftFrom, runningRelease } from './drift.ts';
import { type Environment, openEnvironment } from './environment.ts';
import { healthOf } from './health.ts';
import { inBatches } from './in-batches.ts';
import { readLive } from './live.ts';
import { allObjects, currentOf, type Entry, type History, interruptedOf } from './record.ts';
import { hasTarget } from './target.ts';

/** @throws CommandFailure where the environment runs no release that was verified */
async function runningIn({ target, record }: Environment) {
  const running = await runningRelease(record);
  if (running !== undefined) return running;
  throw new CommandFailure(
    `${target.name} runs no release that was verified: promote one to it first (darkroom promote)`,
  );
}

/** Where an environment's cluster is another than its release was when it was verified. */
export async function drift(
  environments: string,
  name: string,
  signal: AbortSignal,
): Promise<{ release: string; differences: Difference[] }> {
  const environment = await openEnvironment(environments, name, { signal });
  const running = await runningIn(environment);
  const differences = await driftFrom(running, environment.api);
  return { release: running.entry.release, differences };
}

/**
 * Compares two clusters as they are now, object by object: every field outside those that an environment may
 * bind, and objects that only one of them has.
 */
export async function verify(
  environments: string,
  names: readonly [string, string],
  signal: AbortSignal,
): Promise<Finding[]> {
  const [one, other] = await Promise.all(
    names.map(async (name) => {
      const environment = await openEnvironment(environments, name, { signal });
      const { objects } = await runningIn(environment);
      const live = await readLive(environment.api, objects);
      return { name, objects: [...live.objects.values(), ...(live.extra as Manifest[])] };
    }),
  );
  return one === undefined || other === undefined ? [] : differencesOf(one, other);
}

/** An environment in short. */
export type EnvironmentStatus = {
  environment: string;
  /** Undefined where nothing was promoted to it yet. */
  release: Entry | undefined;
  interrupted: Entry | undefined;
  /** Objects that do not run as they were applied, with what they wait for. */
  unhealthy: string[];
  history: History;
  /** Why nothing is known of it. */
  problem?: string;
};

/** The releases of every environment that has a cluster. */
export async function status(
  environments: string,
  signal: AbortSignal,
): Promise<EnvironmentStatus[]> {
  const entries = await readdir(environments, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const names = folders.filter((name) => hasTarget(environments, name));
  return Promise.all(names.sort().map((name) => statusOf(environments, name, signal)));
}

async function statusOf(
  environments: string,
  name: string,
  signal: AbortSignal,
): Promise<EnvironmentStatus> {
  const nothing = {
    environment: name,
    release: undefined,
    interrupted: undefined,
    unhealthy: [],
    history: [],
  };
  try {
    const { api, record } = await openEnvironment(environments, name, { signal });
    const history = await record.history();
    const release = currentOf(history);
    const stored = release && (await record.release(release));
    const looks = await inBatches(stored ? allObjects(stored.objects) : [], async (object) => {
      const live = await api.get(object);
      const { state, message } = live ? healthOf(live) : { state: 'failed', message: 'it is gone' };
      return state === 'current' ? [] : [`${nameOf(object)}: ${message}`];
    });
    const interrupted = interruptedOf(history);
    return { environment: name, release, interrupted, unhealthy: looks.flat(), history };
  } catch (error) {
    signal.throwIfAborted();
    return { ...nothing, problem: (error as Error).message };
  }
}
