import { setTimeout as wait } from 'node:timers/promises';
import { DarkroomError } from '@darkroom/contract';
import { isOwned, type Owner, readOwner } from './owner-lock.ts';

/** Between two looks, in milliseconds. */
const PAUSE_MS = 100;
/** How long an owner may take to start, models included, in milliseconds. */
const START_LIMIT_MS = 300_000;

/**
 * The embedded service that runs on a data folder, undefined where none does. An owner that is just
 * starting or stopping is waited for until it answers or is gone.
 *
 * @throws DarkroomError `unavailable` when it does neither
 */
export async function findOwner(dataDir: string, signal?: AbortSignal): Promise<Owner | undefined> {
  const end = Date.now() + START_LIMIT_MS;
  while (isOwned(dataDir)) {
    const owner = readOwner(dataDir);
    if (owner !== undefined && (await answers(owner))) return owner;
    if (Date.now() > end) {
      const who = owner === undefined ? 'a process' : `process ${owner.pid} at ${owner.url}`;
      throw new DarkroomError(
        'unavailable',
        `${who} owns the data folder ${dataDir} but does not answer; stop it or choose another folder with --data-dir`,
      );
    }
    await wait(PAUSE_MS, undefined, { signal });
  }
  return undefined;
}

async function answers({ url }: Owner): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return response.ok;
  } catch {
    return false;
  }
}
