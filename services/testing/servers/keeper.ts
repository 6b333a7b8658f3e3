/**
 * Outlives its parent by a moment: reads `group PID`, `mount PATH`, `folder PATH` and
 * `forget WHAT` lines from standard input, and when that ends (the parent is gone, however it went)
 * kills the process groups, unmounts, and removes the folders it was told of. So an interrupted run leaves nothing behind.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';

const groups = new Set<string>();
const mounts = new Set<string>();
const folders = new Set<string>();

for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  const value = line.slice(space + 1);
  switch (line.slice(0, space)) {
    case 'group':
      groups.add(value);
      break;
    case 'mount':
      mounts.add(value);
      break;
    case 'folder':
      folders.add(value);
      break;
    case 'forget':
      groups.delete(value);
      mounts.delete(value);
      folders.delete(value);
      break;
  }
}
for (const group of groups) {
  try {
    process.kill(-Number(group), 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
for (const mount of mounts) spawnSync('umount', ['--lazy', mount]);
for (const folder of folders) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}
