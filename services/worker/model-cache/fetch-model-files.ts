import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import type { Logger } from '@darkroom/lifecycle';
import type { ObjectStore } from '@darkroom/storage';
import { retryWhile } from '@darkroom/timing';
import { pointTo, refuseWithoutSpace } from './cache-folder.ts';
import { cacheError, hasFile, PARTIAL, writeFile } from './cached-file.ts';
import { withFolderLock } from './folder-lock.ts';
import { fileKey, type ManifestFile, manifestDigest, requireManifest } from './manifest.ts';

export type FetchOptions = {
  objects: Pick<ObjectStore, 'get' | 'read'>;
  /** Where the models are in the object store, with a `/` at its end. */
  prefix: string;
  /** The model. */
  name: string;
  /** Of all models; this one comes to `modelDir/name`. */
  modelDir: string;
  logger: Logger;
  signal: AbortSignal;
};

/** How often a file is asked for whose bytes do not come. */
const ATTEMPTS = 5;

/**
 * Brings a model of the object store into a folder that many processes of a machine share, and
 * checks every byte of it.
 *
 * `modelDir/name` becomes a link to `name.DIGEST`, a folder of exactly that content, when that is
 * complete. So readers see a whole model or none, and a reader of another version keeps it: nothing
 * that was complete is removed. One process at a time works; what it finds whole it leaves as it is.
 *
 * @throws DarkroomError: `configuration` without a manifest, or where another folder has the model's name;
 *   `damaged` when a file is not as its manifest says; `unavailable` when the store is away or the
 *   disk full
 */
export async function fetchModelFiles(options: FetchOptions): Promise<void> {
  const { objects, name, modelDir, logger, signal } = options;
  const manifest = await requireManifest(objects, options);
  const version = `${name}.${manifestDigest(manifest).slice(0, 16)}`;
  const link = join(modelDir, name);
  const found = await lstat(link).catch(() => undefined);
  if (found?.isDirectory() === true) return await checkOwnFolder(link, manifest.files, logger);

  const work = async () => {
    await bringFiles({ ...options, folder: join(modelDir, version), files: manifest.files });
    await pointTo(link, version);
  };
  const onWait = () => logger.info({ model: name }, 'another process brings the model; waiting');
  try {
    await mkdir(modelDir, { recursive: true });
    await withFolderLock(join(modelDir, `.${name}.lock`), work, { onWait, signal });
  } catch (error) {
    throw cacheError(modelDir, error);
  }
  logger.info({ model: name, folder: version }, 'model in place');
}

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
    await bringFile(options, file);
    done += file.bytes;
    const ms = Math.round(performance.now() - began);
    const { path, bytes } = file;
    logger.info({ model: name, path, bytes, ms, done, total }, 'file fetched');
  }
}

async function bringFile(
  { objects, prefix, name, folder, signal, logger }: FetchOptions & { folder: string },
  file: ManifestFile,
): Promise<void> {
  const key = fileKey(prefix, name, file);
  let attempts = 0;
  const mayPass = (error: unknown) => {
    attempts += 1;
    const away = error instanceof DarkroomError && error.kind === 'unavailable';
    if (away && attempts < ATTEMPTS)
      logger.warn({ err: error, key }, 'the file is asked for again');
    return away && attempts < ATTEMPTS;
  };
  const bring = async () => {
    const content = await objects.read(key);
    if (content === undefined) {
      throw new DarkroomError(
        'damaged',
        `the object store has no ${key}, which the manifest of ${name} names; push the model again`,
      );
    }
    await writeFile(folder, file, content, { source: key, signal });
  };
  await retryWhile(mayPass, bring, signal);
}

/** What a process that was killed has left; no other works in the folder now. */
async function removeDrafts(folder: string): Promise<void> {
  for (const path of await readdir(folder, { recursive: true })) {
    if (path.includes(PARTIAL)) await rm(join(folder, path), { force: true });
  }
}
