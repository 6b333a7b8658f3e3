import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { CommandFailure } from '../commands/failure.ts';

/** A limit of the kernel that is too low for a cluster. */
export type LowLimit = { setting: string; value: number; least: number };

/**
 * Each node runs systemd, kubelet and containerd, which together need more than Linux's default
 * (https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files).
 */
const limits = { max_user_instances: 1024, max_user_watches: 524_288 };

const fileOf = (name: string) => `/proc/sys/fs/inotify/${name}`;

/** The limits of inotify that are too low here; none where this is no Linux. */
export async function lowLimits(): Promise<LowLimit[]> {
  const all = await Promise.all(
    Object.entries(limits).map(async ([name, least]) => {
      const value = Number(await readFile(fileOf(name), 'utf8').catch(() => String(least)));
      return { setting: name, value, least };
    }),
  );
  return all.filter(({ value, least }) => value < least);
}

/** What a user is to run so that a limit is high enough. */
export const remedyOf = ({ setting, least }: LowLimit): string =>
  `sysctl -w fs.inotify.${setting}=${least}`;

export const mayRaiseLimits = (): boolean => process.getuid?.() === 0;

/**
 * Raises them until the machine starts anew.
 *
 * @throws CommandFailure with what to run, where only root may do so
 */
export async function raiseLimits(): Promise<void> {
  const low = await lowLimits();
  if (low.length > 0 && !mayRaiseLimits()) {
    throw new CommandFailure(
      'pods of four nodes would fail with "too many open files"; run as root: ' +
        low.map(remedyOf).join(' && '),
    );
  }
  for (const { setting, least } of low) await writeFile(fileOf(setting), String(least));
}
