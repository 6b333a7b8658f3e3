import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import type { ManifestFile } from './manifest.ts';

/** In the names of files that are being written. */
export const PARTIAL = '.partial-';

/** Whether a folder has the file as the manifest has it; reads every byte of one that is as long. */
export async function hasFile(folder: string, file: ManifestFile): Promise<boolean> {
  const path = join(folder, file.path);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size !== file.bytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex') === file.sha256;
}

/**
 * Writes a file of a folder whole, in one step, or not at all.
 *
 * @param content its bytes, read until they end or are more than there should be
 * @param source where they come from, for messages
 * @throws DarkroomError (`damaged`) when they are not those of the manifest, `unavailable` when the
 *   disk is full, `configuration` when the folder cannot be written; what `content` throws
 */
export async function writeFile(
  folder: string,
  file: ManifestFile,
  content: AsyncIterable<Uint8Array>,
  { source, signal, setting }: { source: string; signal: AbortSignal; setting: FolderSetting },
): Promise<void> {
  const path = join(folder, file.path);
  const draft = `${path}${PARTIAL}${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeDraft(draft, file, content, { source, signal });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw cacheError(folder, error, setting);
  }
}

async function writeDraft(
  draft: string,
  file: ManifestFile,
  content: AsyncIterable<Uint8Array>,
  { source, signal }: { source: string; signal: AbortSignal },
): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const opened = await open(draft, 'wx');
  try {
    for await (const chunk of content) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > file.bytes) break;
      hash.update(chunk);
      await opened.writeFile(chunk);
    }
    await opened.sync();
  } finally {
    await opened.close();
  }
  const again =
    'remove it from the object store and push the model again, or look for what changed it on its way';
  if (bytes !== file.bytes) {
    const has = bytes > file.bytes ? `more than ${file.bytes}` : `${bytes}`;
    throw new DarkroomError(
      'damaged',
      `${source} has ${has} bytes, and its manifest says ${file.bytes}; ${again}`,
    );
  }
  const sha256 = hash.digest('hex');
  if (sha256 === file.sha256) return;
  throw new DarkroomError(
    'damaged',
    `${source} has the SHA-256 ${sha256}, and its manifest says ${file.sha256}; ${again}`,
  );
}

/** The variable that names the folder which files are brought to. */
export type FolderSetting = 'MODEL_DIR' | 'TMPDIR';

/** Says of a failed file operation what happened, why, and what to do. */
export function cacheError(folder: string, error: unknown, setting: FolderSetting): unknown {
  if (error instanceof DarkroomError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DarkroomError(
      'unavailable',
      `the disk of ${folder} is full: ${moreSpace(setting)}`,
      { cause: error },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new DarkroomError(
      'configuration',
      `${folder} cannot be written (${code}): give this user the folder, or correct ${setting}`,
      { cause: error },
    );
  }
  return error;
}

export const moreSpace = (setting: FolderSetting): string =>
  setting === 'MODEL_DIR'
    ? 'free some space there, or give the model cache more'
    : `free some space there, or set ${setting} to a folder with more`;
