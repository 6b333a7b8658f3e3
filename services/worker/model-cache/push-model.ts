import { join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import type { ObjectStore } from '@darkroom/storage';
import {
  fileKey,
  filesNotThere,
  type ManifestFile,
  MODEL_SOURCE_PREFIX,
  manifestDigest,
  writeManifest,
} from './manifest.ts';

export type PushedModel = {
  /** As `verifyModelFolder` tells it. */
  digest: string;
  files: number;
  /** In bytes, of all files. */
  size: number;
  /** Files whose content the object store had already. */
  kept: number;
};

/**
 * Puts a version of a model into the object store for `fetchModelFiles`: those of its files whose content is
 * not there, its manifest after them, and last what is fetched by who names no version. Other versions stay.
 *
 * @param options.onFile told before each file that is written
 * @throws ModelError when the folder is no whole model; as `ObjectStore.putFile`
 */
export async function pushModel(options: {
  objects: Pick<ObjectStore, 'list' | 'put' | 'putFile'>;
  folder: string;
  name: string;
  /** @default 'models/' */
  prefix?: string;
  onFile?: (file: ManifestFile) => void;
  /** @default pushes to the end */
  signal?: AbortSignal;
}): Promise<PushedModel> {
  const { objects, folder, name, prefix = MODEL_SOURCE_PREFIX, onFile, signal } = options;
  const { files: found, size, digest } = await verifyModelFolder(folder);
  const files = found.map(({ path, size: bytes, sha256 }) => ({ path, bytes, sha256 }));
  const latest = { prefix, name };
  const missing = await filesNotThere(objects, latest, files);
  for (const file of missing) {
    onFile?.(file);
    const [key, path] = [fileKey(latest, file), join(folder, file.path)];
    await objects.putFile(key, path, 'application/octet-stream', { ...(signal && { signal }) });
  }
  await writeManifest(objects, { ...latest, digest: manifestDigest({ files }) }, { files });
  await writeManifest(objects, latest, { files });
  return { digest, files: files.length, size, kept: files.length - missing.length };
}
