import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder as shared } from '@darkroom/testing/cache-folder';

/** Where what was built is kept from one cluster to the next. */
export const cacheFolder = join(shared, 'cluster');

/** A short name for content: the first 12 hexadecimal digits of its SHA-256. */
export function fingerprint(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/** The fingerprint of files, by their content alone. */
export async function fingerprintOf(paths: readonly string[], ...more: string[]): Promise<string> {
  return fingerprint(...(await Promise.all(paths.map((path) => readFile(path)))), ...more);
}

/**
 * Makes a file under another name and gives it its own only when it is whole, so that a build that
 * was stopped leaves nothing that looks finished.
 */
export async function whole(path: string, make: (unfinished: string) => Promise<void>) {
  const unfinished = `${path}.${process.pid}.part`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await make(unfinished);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
