import type { Stats } from 'node:fs';
import { access, constants, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, extname, join, sep } from 'node:path';
import { CommandFailure, UsageError } from './failure.ts';

/** Where pictures go: one file, or a folder that gets a file for each. */
export type OutputPath = {
  /** @param name the file's name if this is a folder */
  write(name: string, bytes: Uint8Array): Promise<string>;
};

/** The format of every picture. */
const EXTENSION = '.png';

/**
 * Decides what `--output` means and tries it, so that no work is done for a place that cannot be
 * written. Nothing is left behind. A name that ends in .png is a file; one without an extension, or
 * with a separator at its end, a folder. What is there already decides before the name does.
 *
 * @param count pictures to come; a file takes one
 * @throws UsageError that says why and what to do
 */
export async function openOutput(path: string, count: number): Promise<OutputPath> {
  const present = await statOf(path);
  const extension = extname(path);
  const isFolder = present === undefined ? /[\\/]$/.test(path) : present.isDirectory();
  if (!isFolder && extension !== '' && extension.toLowerCase() !== EXTENSION) {
    const stem = path.slice(0, -extension.length);
    const folder = present === undefined ? `, or ${path}${sep} for a folder` : '';
    throw new UsageError(
      `--output ${path}: pictures are PNG files; write ${stem}${EXTENSION}${folder}`,
    );
  }
  const isFile = !isFolder && (present !== undefined || extension !== '');
  if (isFile && count > 1) {
    throw new UsageError(`--output ${path} is one file, but ${count} pictures come; give a folder`);
  }
  try {
    if (isFile && present !== undefined) await access(path, constants.W_OK);
    else await tryToWrite(isFile ? dirname(path) : path);
  } catch (error) {
    throw new UsageError(`cannot write to ${path}: ${reasonOf(error)}; choose another --output`);
  }
  return {
    write: async (name, bytes) => {
      const file = isFile ? path : join(path, name);
      try {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, bytes);
      } catch (error) {
        throw new CommandFailure(
          `cannot write ${file}: ${reasonOf(error)}; the service keeps the picture, make room and ask again`,
        );
      }
      return file;
    },
  };
}

/** A file name from a prompt: `a-red-star-7.png`. */
export function pictureName(prompt: string, seed: number | string): string {
  const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['picture'];
  return `${words.join('-').slice(0, 60)}-${seed}.png`;
}

/** Writes and removes a file in a folder, or where that is to be made, in its nearest ancestor. */
async function tryToWrite(folder: string): Promise<void> {
  if ((await statOf(folder)) === undefined) return tryToWrite(dirname(folder));
  const trial = join(folder, `.darkroom-${crypto.randomUUID()}`);
  await writeFile(trial, '');
  await rm(trial);
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`cannot write to ${path}: ${reasonOf(error)}; choose another --output`);
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission is missing',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file, not a folder',
};

const reasonOf = (error: unknown): string =>
  reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message;
