import { CommandFailure } from '../commands/failure.ts';
import { openEnvironment } from './environment.ts';
import { takeLock } from './lease.ts';
import { createProgress } from './progress.ts';
import {
  currentOf,
  type Entry,
  type History,
  previousOf,
  recorded,
  rejectedFor,
} from './record.ts';
import { restore } from './restore.ts';

export type RollbackOptions = {
  environments: string;
  name: string;
  /** Puts the release that runs back to what was verified, instead of going to the one before. */
  toCurrent: boolean;
  /** Kept in the record; with the release that is left, which is not promoted here again. */
  reason: string;
  note: (line: string) => void;
  signal: AbortSignal;
};

/**
 * Takes an environment back to the release before, from the cluster's own record: no folder is needed.
 *
 * @returns the release that runs then
 * @throws CommandFailure where there is none
 */
export async function rollback(options: RollbackOptions): Promise<Entry> {
  const { environments, name, toCurrent, reason, note } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const environment = await openEnvironment(environments, name, { signal });
  const giveBack = await takeLock(environment.api, {
    onLost: (error) => stop.abort(error),
    note,
  });
  try {
    const history = await environment.record.history();
    const to = toCurrent ? currentOf(history) : previousOf(history);
    if (to === undefined) {
      throw new CommandFailure(
        toCurrent
          ? `${name} runs no release that was verified`
          : `${name} has no release before the one that it runs`,
      );
    }
    await createProgress(note).other(`going back to ${to.release}`, (tell) =>
      restore(environment, { to, tell, signal }),
    );
    await environment.record.write(
      toCurrent ? recorded(history, to) : wentBack(history, to, reason),
    );
    return to;
  } finally {
    await giveBack();
  }
}

/** The release that was left is rejected, and the one before is what runs. */
export function wentBack(history: History, to: Entry, reason: string): History {
  const left = currentOf(history);
  const rejected = left === undefined ? history : recorded(history, rejectedFor(left, reason));
  return recorded(rejected, { ...to, state: 'verified', endedAt: new Date().toISOString() });
}
