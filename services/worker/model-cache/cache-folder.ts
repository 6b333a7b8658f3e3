import { randomUUID } from 'node:crypto';
import { readlink, rename, statfs, symlink } from 'node:fs/promises';
import { DarkroomError } from '@darkroom/contract';
import { PARTIAL } from './cached-file.ts';

/** @throws DarkroomError (`unavailable`) where so many bytes more do not fit into the folder of models */
export async function refuseWithoutSpace(
  modelDir: string,
  name: string,
  bytes: number,
): Promise<void> {
  const { bavail, bsize } = await statfs(modelDir);
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new DarkroomError(
    'unavailable',
    `${name} needs ${inMiB(bytes)} more in ${modelDir}, and ${inMiB(free)} are free: ` +
      'free some space there, or give the model cache more',
  );
}

const inMiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Makes or changes a link in one step. */
export async function pointTo(link: string, target: string): Promise<void> {
  if ((await readlink(link).catch(() => undefined)) === target) return;
  const draft = `${link}${PARTIAL}${randomUUID()}`;
  await symlink(target, draft);
  await rename(draft, link);
}
