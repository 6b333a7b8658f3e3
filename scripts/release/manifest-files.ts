import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The folders of platform/ that know no environment, and are the same in all. */
const folders = ['apps', 'components', 'images', 'infrastructure', 'models'] as const;

/** Whether a file of platform/ belongs to a release: no environment, no test. */
const isReleased = (path: string) =>
  folders.some((folder) => path.startsWith(`${folder}/`)) && !/\.test\.(ts|yaml)$/.test(path);

/** The files of a checkout's platform/ that belong to a release, with their SHA-256, sorted by path. */
export const releasedFiles = async (platform: string): Promise<Record<string, string>> =>
  sumsOf(platform, isReleased);

/** All files in a folder with their SHA-256, sorted by path. */
export async function sumsOf(
  folder: string,
  keep: (path: string) => boolean = () => true,
): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter(keep)
    .sort();
  const sums = await Promise.all(
    files.map(async (path) => [path, sha256(await readFile(join(folder, path)))] as const),
  );
  return Object.fromEntries(sums);
}

/** One digest of all: of their paths and sums, a line each. */
export const digestOf = (files: Record<string, string>): string =>
  sha256(
    Object.entries(files)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, sum]) => `${sum} ${path}\n`)
      .join(''),
  );

/** The SHA-256 of a content, as digests are written. */
export const sha256 = (content: string | Uint8Array) =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;
