import { join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import { verifyModelFolder } from '@darkroom/diffusion';
import type { ObjectStore } from '@darkroom/storage';
import {
  fileKey,
  type ManifestFile,
  MODEL_SOURCE_PREFIX,
  type ModelManifest,
  readManifest,
  writeManifest,
} from './manifest.ts';

export type PushedModel = {
  /** As `verifyModelFolder` tells it. */
  digest: string;
  files: number;
  /** In bytes, of all files. */
  size: number;
  /** Files that the object store had already. */
  kept: number;
};

/**
 * Puts a model's files into the object store for `fetchModelFiles`, and its manifest after them. Files
 * that the manifest there names with the same digest are taken to be there.
 *
 * @param options.onFile told before each file that is written
 * @throws ModelError when the folder is no whole model; DarkroomError as `ObjectStore.putFile`
 */
export async function pushModel(options: {
  objects: Pick<ObjectStore, 'get' | 'put' | 'putFile'>;
  folder: string;
  name: string;
  /** @default 'models/' */
  prefix?: string;
  onFile?: (file: ManifestFile) => void;
}): Promise<PushedModel> {
  const { objects, folder, name, prefix = MODEL_SOURCE_PREFIX, onFile } = options;
  const { files: found, size, digest } = await verifyModelFolder(folder);
  const files = found.map(({ path, size: bytes, sha256 }) => ({ path, bytes, sha256 }));
  const there = await manifestThere(objects, { prefix, name });
  const isThere = (file: ManifestFile) =>
    there.files.some(({ path, sha256 }) => path === file.path && sha256 === file.sha256);
  const missing = files.filter((file) => !isThere(file));
  for (const file of missing) {
    onFile?.(file);
    const path = join(folder, file.path);
    await objects.putFile(fileKey(prefix, name, file), path, 'application/octet-stream');
  }
  await writeManifest(objects, { prefix, name }, { files });
  return { digest, files: files.length, size, kept: files.length - missing.length };
}

/** One that cannot be read is written anew, with all files. */
async function manifestThere(
  objects: Pick<ObjectStore, 'get'>,
  at: { prefix: string; name: string },
): Promise<Pick<ModelManifest, 'files'>> {
  try {
    return (await readManifest(objects, at)) ?? { files: [] };
  } catch (error) {
    if (error instanceof DarkroomError && error.kind === 'damaged') return { files: [] };
    throw error;
  }
}
