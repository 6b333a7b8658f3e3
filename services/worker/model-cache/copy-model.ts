import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import type { ObjectStore } from '@darkroom/storage';
import { bringFile } from './bring-file.ts';
import { refuseWithoutSpace } from './cache-folder.ts';
import {
  fileKey,
  filesNotThere,
  type ManifestFile,
  readManifest,
  requireManifest,
  writeManifest,
} from './manifest.ts';

/** An object store, and where the models are in it: with a `/` at its end. */
type ModelStore<Use extends keyof ObjectStore> = {
  objects: Pick<ObjectStore, Use>;
  prefix: string;
};

export type CopiedModel = {
  files: number;
  /** In bytes, of all files. */
  size: number;
  /** Files whose content the target had already. */
  kept: number;
};

/**
 * Copies a version of a model from one object store to another, checking every byte; files that are there
 * already stay. Its manifest goes last: the target has the whole version or none, and a copy that was cut off
 * is gone on with. What the target's workers fetch that were told no version does not change.
 *
 * A file at a time goes through the folder of temporary files (TMPDIR), which needs room for the largest.
 *
 * @param options.digest 64 hexadecimal digits, as `manifestDigest`
 * @param options.onFile told before each file that is copied, and how far it is: bytes copied of those to copy
 * @throws DarkroomError: `configuration` where the source does not have the version; `damaged` when its
 *   manifest or a file is not what it should be; `unavailable` when a store is away or the disk full;
 *   `signal.reason` when aborted
 */
export async function copyModel(options: {
  from: ModelStore<'get' | 'read'>;
  to: ModelStore<'get' | 'put' | 'putFile' | 'list'>;
  name: string;
  digest: string;
  onFile?: (file: ManifestFile, done: { bytes: number; of: number }) => void;
  signal: AbortSignal;
}): Promise<CopiedModel> {
  const { from, to, name, digest, onFile, signal } = options;
  const source = { prefix: from.prefix, name, digest };
  const target = { prefix: to.prefix, name, digest };
  const manifest = await requireManifest(from.objects, source);
  const missing = await filesNotThere(to.objects, target, manifest.files);
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-copy-model-'));
  try {
    const largest = Math.max(0, ...missing.map(({ bytes }) => bytes));
    await refuseWithoutSpace(folder, name, largest, 'TMPDIR');
    const done = { bytes: 0, of: sizeOf(missing) };
    for (const file of missing) {
      signal.throwIfAborted();
      onFile?.(file, { ...done });
      const draft = join(folder, file.path);
      await bringFile(file, {
        ...source,
        objects: from.objects,
        folder,
        setting: 'TMPDIR',
        signal,
      });
      signal.throwIfAborted();
      const key = fileKey(target, file);
      await to.objects.putFile(key, draft, 'application/octet-stream', { signal });
      await rm(draft);
      done.bytes += file.bytes;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  signal.throwIfAborted();
  if (!(await hasModel(to, options))) await writeManifest(to.objects, target, manifest);
  const { files } = manifest;
  return { files: files.length, size: sizeOf(files), kept: files.length - missing.length };
}

/**
 * Whether a version is in an object store: its manifest, which is written after its files. A damaged one
 * counts as none.
 *
 * @throws DarkroomError as `ObjectStore.get`
 */
export async function hasModel(
  { objects, prefix }: ModelStore<'get'>,
  { name, digest }: { name: string; digest: string },
): Promise<boolean> {
  try {
    return (await readManifest(objects, { prefix, name, digest })) !== undefined;
  } catch (error) {
    if (error instanceof DarkroomError && error.kind === 'damaged') return false;
    throw error;
  }
}

const sizeOf = (files: readonly ManifestFile[]) => files.reduce((sum, { bytes }) => sum + bytes, 0);
