import { DarkroomError } from '@darkroom/contract';
import type { ObjectStore } from '@darkroom/storage';
import { retryWhile } from '@darkroom/timing';
import { type FolderSetting, writeFile } from './cached-file.ts';
import { fileKey, type ManifestFile, type ModelPlace } from './manifest.ts';

/** How often a file is asked for whose bytes do not come. */
const ATTEMPTS = 5;

/**
 * Brings a file of a model from the object store to its path in a folder, every byte of it checked, or not at
 * all. It is asked for again where its bytes stop coming.
 *
 * @param options.onAgain told why, and the object's key
 * @throws DarkroomError (`damaged`) when the store does not have it, or not as the manifest says; else as
 *   `writeFile`
 */
export async function bringFile(
  file: ManifestFile,
  options: ModelPlace & {
    objects: Pick<ObjectStore, 'read'>;
    folder: string;
    /** What names the folder, for messages. */
    setting: FolderSetting;
    onAgain?: (error: unknown, key: string) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const { objects, name, folder, setting, onAgain, signal } = options;
  const key = fileKey(options, file);
  let attempts = 0;
  const mayPass = (error: unknown) => {
    attempts += 1;
    const away = error instanceof DarkroomError && error.kind === 'unavailable';
    if (away && attempts < ATTEMPTS) onAgain?.(error, key);
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
    await writeFile(folder, file, content, { source: key, signal, setting });
  };
  await retryWhile(mayPass, bring, signal);
}
