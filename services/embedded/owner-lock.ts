import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DarkroomError } from '@darkroom/contract';

/** Who serves a data folder, as `owner.json` in it says. */
export type Owner = { pid: number; url: string };

export type OwnerLock = {
  /** Tells others where the owner answers. */
  announce(url: string): void;
  release(): void;
};

const lockFile = (dataDir: string) => join(dataDir, 'owner.lock');
const ownerFile = (dataDir: string) => join(dataDir, 'owner.json');

/**
 * Makes this process the only owner of a data folder: two at once would destroy the database in it.
 *
 * The lock is SQLite's on `owner.lock`, which the kernel drops when the process ends in whatever
 * way, so there is no stale lock to judge. (Node itself offers no file lock.)
 *
 * @throws DarkroomError `conflict` when another process owns the folder, `configuration` when the
 *   folder cannot be written
 */
export function acquireOwnerLock(dataDir: string): OwnerLock {
  const release = tryLock(dataDir, 300);
  if (release === undefined) {
    const owner = readOwner(dataDir);
    throw new DarkroomError(
      'conflict',
      owner === undefined
        ? `the data folder ${dataDir} belongs to another running process; stop it or choose another folder with --data-dir`
        : `the data folder ${dataDir} is already served by process ${owner.pid} at ${owner.url}; use that one (--server ${owner.url}), stop it, or choose another folder with --data-dir`,
    );
  }
  rmSync(ownerFile(dataDir), { force: true });
  return {
    announce(url) {
      const owner: Owner = { pid: process.pid, url };
      writeFileSync(ownerFile(dataDir), `${JSON.stringify(owner)}\n`);
    },
    release() {
      rmSync(ownerFile(dataDir), { force: true });
      release();
    },
  };
}

/** Whether a process owns the folder right now; makes nothing where there is none. */
export function isOwned(dataDir: string): boolean {
  if (!existsSync(lockFile(dataDir))) return false;
  const release = tryLock(dataDir, 0);
  release?.();
  return release === undefined;
}

/** The owner that announced itself last; only while `isOwned` is it alive. */
export function readOwner(dataDir: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(ownerFile(dataDir), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Returns how to let go again, or undefined where another process holds the lock. */
function tryLock(dataDir: string, waitMs: number): (() => void) | undefined {
  try {
    mkdirSync(dataDir, { recursive: true });
    const database = new DatabaseSync(lockFile(dataDir), { timeout: waitMs });
    try {
      // Without a journal no second file appears; nothing is ever written to this database.
      database.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      throw error;
    }
    return () => database.close();
  } catch (error) {
    if (isBusy(error)) return undefined;
    throw new DarkroomError(
      'configuration',
      `the data folder ${dataDir} cannot be used (${(error as Error).message}); make it writable, with space left, or choose another with --data-dir`,
      { cause: error },
    );
  }
}

const SQLITE_BUSY = 5;
const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
