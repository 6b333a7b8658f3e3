import { readFile, rm, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs one thing at a time across processes: who comes while another is at it waits for its end. A
 * process that was killed holds nobody up.
 *
 * @param lock a file that is there while it runs, with the number of the process that runs it
 */
export async function oneAtATime<T>(lock: string, run: () => Promise<T>): Promise<T> {
  while (!(await take(lock))) await delay(200);
  try {
    return await run();
  } finally {
    await rm(lock, { force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = Number(await readFile(lock, 'utf8').catch(() => Number.NaN));
  // Not a number: the file was just made and not yet written, or is just gone.
  if (Number.isInteger(holder) && holder > 0 && !isAlive(holder)) await rm(lock, { force: true });
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
