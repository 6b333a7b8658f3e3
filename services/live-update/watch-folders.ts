import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

/** Until nothing more happens: one update writes several files, and each in several steps. */
const QUIET_MS = 50;

/**
 * Tells when files of a folder, or of any folder in it, have changed: once for all that happens at a time.
 *
 * Each folder is watched by itself. Node's recursive watch follows a file, and so misses the second time
 * that it is replaced by another of its name, which is how `tar` and editors write.
 */
export function watchFolders(root: string, onChange: () => void): { close(): void } {
  const watchers = new Map<string, FSWatcher>();
  let quiet: NodeJS.Timeout | undefined;

  const changed = () => {
    clearTimeout(quiet);
    quiet = setTimeout(onChange, QUIET_MS);
  };
  const forget = (folder: string) => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  const add = (folder: string) => {
    const watcher = watch(folder, (event, name) => {
      changed();
      // A folder of this name came, went, or took the place of another.
      if (event === 'rename' && name !== null) look(join(folder, name));
    });
    watcher.on('error', () => forget(folder));
    watchers.set(folder, watcher);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) add(join(folder, entry.name));
    }
  };
  const look = (path: string) => {
    for (const folder of [...watchers.keys()]) {
      if (folder === path || folder.startsWith(`${path}/`)) forget(folder);
    }
    try {
      add(path);
    } catch {
      // Not a folder, or gone again.
      forget(path);
    }
  };

  add(root);
  return {
    close: () => {
      clearTimeout(quiet);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
