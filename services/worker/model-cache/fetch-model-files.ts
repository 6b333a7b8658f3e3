import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import type { Logger } from '@darkroom/lifecycle';
import type { ObjectStore } from '@darkroom/storage';
import { retryWhile } from '@darkroom/timing';
import { bringFile } from './bring-file.ts';
import { pointTo, refuseWithoutSpace, versionFolder } from './cache-folder.ts';
import { cacheError, hasFile, PARTIAL } from './cached-file.ts';
import { withFolderLock } from './folder-lock.ts';
import { type ManifestFile, type ModelPlace, manifestDigest, requireManifest } from './manifest.ts';

export type FetchOptions = ModelPlace & {
  objects: Pick<ObjectStore, 'get' | 'read'>;
  /** Of all models. */
  modelDir: string;
  logger: Logger;
  signal: AbortSignal;
};

/**
 * Brings a version of a model from the object store into a folder that many processes of a machine share, and
 * checks every byte of it.
 *
 * It comes to `modelDir/name.VERSION` (`versionFolder`). Where no digest was named, `modelDir/name` becomes a
 * link to that folder when it is complete. So readers see a whole model or none, and a reader of another
 * version keeps it: nothing that was complete is removed, and who asked for a version moves no link that
 * others follow. One process at a time works; what it finds whole it leaves as it is.
 *
 * @throws DarkroomError: `configuration` without a manifest, or where the link is to be and another folder has
 *   the model's name; `damaged` when the manifest or a file is not what it should be; `unavailable` when the
 *   store is away or the disk full
 */
export async function fetchModelFiles(options: FetchOptions): Promise<void> {
  const { objects, name, digest, modelDir, logger, signal } = options;
  const manifest = await retryWhile(
    notForLong(logger),
    () => requireManifest(objects, options),
    signal,
  );
  const version = versionFolder(name, digest ?? manifestDigest(manifest));
  const link = digest === undefined ? join(modelDir, name) : undefined;
  if (link !== undefined && (await isOwnFolder(link))) {
    return await checkOwnFolder(link, manifest.files, logger);
  }

  const work = async () => {
    await bringFiles({ ...options, folder: join(modelDir, version), files: manifest.files });
    if (link !== undefined) await pointTo(link, version);
  };
  const onWait = () => logger.info({ model: name }, 'another process brings the model; waiting');
  try {
    await mkdir(modelDir, { recursive: true });
    await withFolderLock(join(modelDir, `.${name}.lock`), work, { onWait, signal });
  } catch (error) {
    throw cacheError(modelDir, error, 'MODEL_DIR');
  }
  logger.info({ model: name, folder: version }, 'model in place');
}

/** Long enough for a pod's network policies to come into force: the pod of a canary is started only once. */
const STORE_PATIENCE_MS = 10_000;

/** Whether the store is only away, and has not been so for long. */
function notForLong(logger: Logger): (error: unknown) => boolean {
  const giveUpAt = performance.now() + STORE_PATIENCE_MS;
  let isTold = false;
  return (error) => {
    const isAway = error instanceof DarkroomError && error.kind === 'unavailable';
    if (!isAway || performance.now() > giveUpAt) return false;
    const text = `the object store is not ready; trying again for ${STORE_PATIENCE_MS / 1_000} s`;
    if (!isTold) logger.warn({ err: error }, text);
    isTold = true;
    return true;
  };
}

const isOwnFolder = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined))?.isDirectory() === true;

/** A folder that somebody else has put there is used as it is, or not at all. */
async function checkOwnFolder(
  folder: string,
  files: readonly ManifestFile[],
  logger: Logger,
): Promise<void> {
  for (const file of files) {
    if (await hasFile(folder, file)) continue;
    throw new DarkroomError(
      'configuration',
      `${folder} was not made by this step, and its ${file.path} is not that of the object store; ` +
        'take the folder away, or push it as the model',
    );
  }
  logger.info({ folder }, 'model in place already');
}

async function bringFiles(
  options: FetchOptions & { folder: string; files: readonly ManifestFile[] },
): Promise<void> {
  const { name, modelDir, folder, files, logger, signal } = options;
  await mkdir(folder, { recursive: true });
  await removeDrafts(folder);
  const missing: ManifestFile[] = [];
  for (const file of files) {
    signal.throwIfAborted();
    if (!(await hasFile(folder, file))) missing.push(file);
  }
  const bytesOf = (some: readonly ManifestFile[]) =>
    some.reduce((sum, { bytes }) => sum + bytes, 0);
  await refuseWithoutSpace(modelDir, name, bytesOf(missing));
  const [total, all] = [bytesOf(missing), bytesOf(files)];
  logger.info({ model: name, files: missing.length, bytes: total, of: all }, 'files to fetch');
  let done = 0;
  for (const file of missing) {
    const began = performance.now();
    const onAgain = (error: unknown, key: string) =>
      logger.warn({ err: error, key }, 'the file is asked for again');
    await bringFile(file, { ...options, setting: 'MODEL_DIR', onAgain });
    done += file.bytes;
    const ms = Math.round(performance.now() - began);
    const { path, bytes } = file;
    logger.info({ model: name, path, bytes, ms, done, total }, 'file fetched');
  }
}

/** What a process that was killed has left; no other works in the folder now. */
async function removeDrafts(folder: string): Promise<void> {
  for (const path of await readdir(folder, { recursive: true })) {
    if (path.includes(PARTIAL)) await rm(join(folder, path), { force: true });
  }
}
