import { randomUUID } from 'node:crypto';
import { readlink, rename, statfs, symlink } from 'node:fs/promises';
import { DarkroomError } from '@darkroom/contract';
import { type FolderSetting, moreSpace, PARTIAL } from './cached-file.ts';

/** @throws DarkroomError (`unavailable`) where so many bytes more of a model do not fit into a folder */
export async function refuseWithoutSpace(
  folder: string,
  name: string,
  bytes: number,
  setting: FolderSetting = 'MODEL_DIR',
): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new DarkroomError(
    'unavailable',
    `${name} needs ${inMiB(bytes)} more in ${folder}, and ${inMiB(free)} are free: ${moreSpace(setting)}`,
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

/**
 * The folder of a version of a model, within the folder of models.
 * @param digest 64 hexadecimal digits
 */
export const versionFolder = (name: string, digest: string): string =>
  `${name}.${digest.slice(0, 16)}`;
