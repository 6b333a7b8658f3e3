import { setTimeout as wait } from 'node:timers/promises';
import { isOwned, type Owner, readOwner } from './owner-lock.ts';

/** Between two looks, in milliseconds. */
const PAUSE_MS = 100;

/**
 * The embedded service that runs on a data folder, undefined where none does. An owner that is just
 * starting is waited for until it answers or is gone.
 */
export async function findOwner(dataDir: string, signal?: AbortSignal): Promise<Owner | undefined> {
  while (isOwned(dataDir)) {
    const owner = readOwner(dataDir);
    if (owner !== undefined && (await answers(owner))) return owner;
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
