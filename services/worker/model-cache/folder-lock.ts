import { DatabaseSync } from 'node:sqlite';
import { sleep } from '@darkroom/timing';

const RETRY_MS = 500;
const SQLITE_BUSY = 5;

/**
 * Does a task while no other process of this machine does one under the same lock, in whatever
 * container it is; waits for them.
 *
 * The lock is SQLite's on `file`. The kernel drops it when the process ends in whatever way, so
 * there is no stale lock to judge. (Node itself offers no file lock.)
 *
 * @param options.onWait told once, when another holds it
 * @throws `signal.reason` when aborted while it waits; what SQLite throws where files cannot be locked
 */
export async function withFolderLock<T>(
  file: string,
  task: () => Promise<T>,
  { onWait, signal }: { onWait: () => void; signal: AbortSignal },
): Promise<T> {
  let told = false;
  for (;;) {
    const release = tryLock(file);
    if (release !== undefined) {
      try {
        return await task();
      } finally {
        release();
      }
    }
    if (!told) onWait();
    told = true;
    await sleep(RETRY_MS, signal);
    signal.throwIfAborted();
  }
}

/** Returns how to let go again, or undefined where another process holds the lock. */
function tryLock(file: string): (() => void) | undefined {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // Without a journal no second file appears; nothing is ever written to this database.
    database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    return () => database.close();
  } catch (error) {
    database.close();
    if ((error as { errcode?: unknown }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}
