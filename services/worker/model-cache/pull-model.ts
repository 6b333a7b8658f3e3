import { link, lstat, mkdir, readdir, readlink, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import { type VerifiedModel, verifyModelFolder } from '@darkroom/diffusion';
import type { Growth } from '@darkroom/timing';
import { pointTo, refuseWithoutSpace } from './cache-folder.ts';
import { cacheError, PARTIAL } from './cached-file.ts';
import { withFolderLock } from './folder-lock.ts';
import { modelParts } from './model-parts.ts';
import { isWhole, type ModelSource, type SourceFile } from './model-source.ts';
import { bringFile, draftOf } from './partial-file.ts';
import {
  findPulled,
  lockOf,
  type PulledModel,
  refuseForeign,
  removeVersions,
  versionOf,
  writePullRecord,
} from './pulled-models.ts';

export type PullProgress = {
  /** The file in hand. */
  path: string;
  /** Bytes of the model that are in the folder and checked, or on their way. */
  done: number;
  /** Bytes of the model. */
  total: number;
};

export type PullOptions = {
  source: ModelSource;
  /** What the model is called here. */
  name: string;
  /** Of all models; made if need be. This one comes to `modelDir/name`. */
  modelDir: string;
  onProgress?: (progress: PullProgress) => void;
  /** Told once, when another process pulls a model of this name. */
  onWait?: () => void;
  signal: AbortSignal;
  /** Between attempts to get a file. @default from half a second to ten */
  patience?: Growth;
};

export type Pulled = PulledModel &
  Pick<VerifiedModel, 'digest' | 'size'> & {
    /** Bytes that were not there before. */
    fetched: number;
  };

/**
 * Brings a model from where it is published into a folder of models, and checks every byte of it.
 *
 * `modelDir/name` becomes a link to a folder of exactly that commit, when that is complete and
 * `verifyModelFolder` takes it: readers see a whole model or none. Then the version before is removed.
 * What has come when a pull ends early is kept, and the next goes on from there. What is whole already,
 * here or in the version before, is not asked for again.
 *
 * @throws DarkroomError: `conflict` where another model has the name; `configuration` where the source
 *   has no such model, or the folder cannot be written; `damaged` when a file is not as it is listed;
 *   `unavailable` when the disk is full; as `source.read`. ModelError when the files are all there and make
 *   no whole model. `signal.reason` when aborted
 */
export async function pullModel(options: PullOptions): Promise<Pulled> {
  const { source, name, modelDir, signal, onWait = () => {} } = options;
  const files = modelParts(source);
  const { repository, revision, commit } = source;
  const version = versionOf(name, commit);
  const folder = join(modelDir, version);
  const work = async (): Promise<Pulled> => {
    await refuseOther(modelDir, name, repository);
    const fetched = await bringFiles({ ...options, folder, files });
    const { digest, size } = await verifyModelFolder(folder);
    const pulled = { repository, revision, commit, files };
    await writePullRecord(folder, pulled);
    await pointTo(join(modelDir, name), version);
    await removeVersions(modelDir, name, version);
    return { name, folder: join(modelDir, name), ...pulled, digest, size, fetched };
  };
  try {
    await mkdir(modelDir, { recursive: true });
    return await withFolderLock(lockOf(modelDir, name), work, { onWait, signal });
  } catch (error) {
    throw cacheError(modelDir, error, 'MODEL_DIR');
  }
}

/** Another revision of the same model takes the place of the one before; another model does not. */
async function refuseOther(modelDir: string, name: string, repository: string): Promise<void> {
  await refuseForeign(modelDir, name);
  const there = await findPulled(modelDir, name);
  if (there === undefined || there.repository === repository) return;
  throw new DarkroomError(
    'conflict',
    `${join(modelDir, name)} is ${there.repository}; remove it with \`darkroom models rm ${name}\`, or ` +
      `give ${repository} another name with --name`,
  );
}

type Work = PullOptions & { folder: string; files: readonly SourceFile[] };

/** Returns how many bytes were fetched. */
async function bringFiles(work: Work): Promise<number> {
  const { source, name, modelDir, folder, files, signal, patience, onProgress = () => {} } = work;
  await mkdir(folder, { recursive: true });
  await removeDraftsBut(folder, new Set(files.map(draftOf)));
  const before = await readlink(join(modelDir, name)).catch(() => undefined);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const missing: SourceFile[] = [];
  let done = 0;
  for (const file of files) {
    signal.throwIfAborted();
    const old = before === undefined ? undefined : join(modelDir, before);
    if ((await isWhole(folder, file)) || (await takeFrom(old, folder, file))) {
      done += file.bytes;
      onProgress({ path: file.path, done, total });
    } else missing.push(file);
  }
  const kept = await sizesOf(missing.map((file) => join(folder, draftOf(file))));
  const fetched = Math.max(0, total - done - kept);
  await refuseWithoutSpace(modelDir, name, fetched);
  for (const file of missing) {
    const onBytes = (bytes: number) => onProgress({ path: file.path, done: done + bytes, total });
    await bringFile({ source, folder, file, signal, onBytes, patience });
    done += file.bytes;
  }
  return fetched;
}

/** Shares a file with the version before, where that has the same. */
async function takeFrom(
  old: string | undefined,
  folder: string,
  file: SourceFile,
): Promise<boolean> {
  if (old === undefined || !(await isWhole(old, file))) return false;
  const path = join(folder, file.path);
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  // Not every file system can; then it is fetched.
  return await link(join(old, file.path), path).then(
    () => true,
    () => false,
  );
}

/** No other process works in the folder now. A link in the place of a draft would lead its bytes elsewhere. */
async function removeDraftsBut(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const path of await readdir(folder, { recursive: true })) {
    if (!path.includes(PARTIAL)) continue;
    const isOurs = wanted.has(path) && (await lstat(join(folder, path))).isFile();
    if (!isOurs) await rm(join(folder, path), { recursive: true, force: true });
  }
}

async function sizesOf(paths: readonly string[]): Promise<number> {
  const sizes = paths.map(async (path) => (await stat(path).catch(() => ({ size: 0 }))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
