import { constants, createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import { createBackoff, type Growth, sleep } from '@darkroom/timing';
import { PARTIAL } from './cached-file.ts';
import { hexOf, type ModelSource, type SourceFile, startHash } from './model-source.ts';

/** How often in a row a file is asked for of which no byte comes. */
const ATTEMPTS = 5;
const PATIENCE: Growth = { firstMs: 500, longestMs: 10_000 };

export type FileOptions = {
  source: ModelSource;
  folder: string;
  file: SourceFile;
  signal: AbortSignal;
  /** Told how many bytes are there, after each piece. */
  onBytes: (bytes: number) => void;
  /** Between attempts. */
  patience?: Growth | undefined;
};

/** Where a file is written until it is whole; named by its content, so a later pull may go on. */
export const draftOf = (file: SourceFile): string => `${file.path}${PARTIAL}${hexOf(file)}`;

/**
 * Brings a file into a folder whole, in one step. What of it has come stays beside it when this ends
 * early, in whatever way, and is where the next begins. A connection that is cut is made again.
 *
 * @throws DarkroomError (`damaged`) when the bytes are not the file's, which are then removed; what
 *   `source.read` throws when five attempts in a row bring nothing; `signal.reason` when aborted; what
 *   the file system throws
 */
export async function bringFile(options: FileOptions): Promise<void> {
  const { folder, file } = options;
  const path = join(folder, file.path);
  const draft = join(folder, draftOf(file));
  await mkdir(dirname(path), { recursive: true });
  // Neither of the flags that have letters: what is there is kept, and written at its end by position.
  const opened = await open(draft, constants.O_RDWR | constants.O_CREAT);
  try {
    await fill(opened, draft, options);
    await opened.sync();
  } catch (error) {
    if (error instanceof DarkroomError && error.kind === 'damaged')
      await rm(draft, { force: true });
    throw error;
  } finally {
    await opened.close();
  }
  await rename(draft, path);
}

/** Writes what is missing until the bytes are the file's. */
async function fill(draft: FileHandle, path: string, options: FileOptions): Promise<void> {
  const { source, file, signal, onBytes } = options;
  const named = `${file.path} of ${source.repository} at ${source.commit}`;
  const backoff = createBackoff(options.patience ?? PATIENCE);
  let hash = startHash(file);
  let bytes = 0;
  const startOver = async () => {
    hash = startHash(file);
    bytes = 0;
    await draft.truncate(0);
  };
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  // Of bytes that an earlier process wrote, only the whole tells whether they are right.
  let isResumed = bytes > 0;
  if (bytes > file.bytes) await startOver();
  onBytes(bytes);

  let failures = 0;
  for (;;) {
    while (bytes < file.bytes) {
      try {
        const { offset, content } = await source.read(file.path, { offset: bytes, signal });
        if (offset !== bytes) await startOver();
        if (offset !== 0 && offset !== bytes) continue;
        for await (const chunk of content) {
          if (bytes + chunk.length > file.bytes) {
            throw damaged(`${named} is longer than the ${file.bytes} bytes that are listed`);
          }
          await draft.write(chunk, 0, chunk.length, bytes);
          hash.update(chunk);
          bytes += chunk.length;
          failures = 0;
          backoff.reset();
          onBytes(bytes);
        }
        signal.throwIfAborted();
        if (bytes < file.bytes) throw shorter(named, bytes, file.bytes);
      } catch (error) {
        failures += 1;
        signal.throwIfAborted();
        if (!mayPass(error) || failures >= ATTEMPTS) throw error;
        if (error.retryAfterS === undefined) await backoff.wait(signal);
        else await sleep(error.retryAfterS * 1_000, signal);
        signal.throwIfAborted();
      }
    }
    const digest = hash.digest('hex');
    if (digest === hexOf(file)) return;
    if (!isResumed) {
      throw damaged(`${named} has the checksum ${digest} where ${hexOf(file)} is listed`);
    }
    isResumed = false;
    await startOver();
  }
}

const mayPass = (error: unknown): error is DarkroomError =>
  error instanceof DarkroomError &&
  (error.kind === 'unavailable' || (error.kind === 'too-many' && error.retryAfterS !== undefined));

const damaged = (what: string) =>
  new DarkroomError(
    'damaged',
    `${what}; the bytes were thrown away: pull again, and look for what changes them on their way`,
  );

const shorter = (named: string, bytes: number, listed: number) =>
  new DarkroomError(
    'unavailable',
    `${named} ended after ${bytes} of ${listed} bytes; pull again, it goes on from there`,
  );
