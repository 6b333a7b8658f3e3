import { readFileSync } from 'node:fs';

/** Whether a process runs; one that has ended and only waits to be reaped does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1);
    return afterName?.startsWith('Z') === false;
  } catch {
    // Gone since, or a system without /proc, where the signal has told.
    return process.platform !== 'linux';
  }
}
