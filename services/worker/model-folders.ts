import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError, type ModelCatalogue } from '@darkroom/contract';
import { pinhole } from '@darkroom/pinhole';
import type { ModelFolder } from './inference/protocol.ts';
import { versionFolder } from './model-cache/cache-folder.ts';

/**
 * Where the files of the catalogue's models are: of a named version the folder that `fetchModelFiles` makes
 * of it; where there is none, `modelDir/NAME`; and for the built-in model, where `modelDir` has none of that
 * name, the folder that comes with Darkroom.
 *
 * @param options.serve names to look for; absent: the whole catalogue
 * @param options.digest the version of the one model in `serve`, in 64 hexadecimal digits
 * @throws DarkroomError (`configuration`) that names every model not in the catalogue or without a
 *   folder, and a `modelDir` that is none
 */
export async function findModelFolders(
  catalogue: ModelCatalogue,
  options: {
    modelDir?: string | undefined;
    serve?: readonly string[] | undefined;
    digest?: string | undefined;
  },
): Promise<ModelFolder[]> {
  const { modelDir, digest } = options;
  const known = catalogue.models.map(({ name }) => name);
  const problems: string[] = [];
  if (modelDir !== undefined && !(await isFolder(modelDir))) {
    problems.push(`MODEL_DIR ${modelDir} is not a folder`);
  }
  const found: ModelFolder[] = [];
  for (const name of options.serve ?? known) {
    if (!known.includes(name)) {
      problems.push(`${name} is not in the catalogue, which has ${known.join(', ')}`);
      continue;
    }
    const own = modelDir === undefined ? undefined : join(modelDir, name);
    const version = modelDir && digest && join(modelDir, versionFolder(name, digest));
    const builtIn = name === pinhole.name ? pinhole.folder : undefined;
    const folder = await firstFolder(version, own, builtIn);
    if (folder !== undefined) found.push({ name, folder });
    else problems.push(`${name} has no folder${own === undefined ? '' : ` at ${own}`}`);
  }
  if (problems.length === 0) return found;
  throw new DarkroomError(
    'configuration',
    `the models cannot be served:\n${problems.map((problem) => `  ${problem}`).join('\n')}\n` +
      'Put each folder at MODEL_DIR/NAME, or name in SERVE_MODELS those that are there.',
  );
}

/**
 * Sees that what was loaded is the version that was named: the folder of another one may have the model's name.
 *
 * @param digest in 64 hexadecimal digits; undefined where any version is right
 * @throws DarkroomError (`configuration`) that names the folder
 */
export function refuseOtherVersion(
  folders: readonly ModelFolder[],
  loaded: readonly { name: string; digest: string }[],
  digest: string | undefined,
): void {
  const other = loaded.find((model) => digest !== undefined && model.digest !== `sha256:${digest}`);
  if (other === undefined) return;
  const folder = folders.find(({ name }) => name === other.name)?.folder;
  throw new DarkroomError(
    'configuration',
    `MODEL_DIGEST names the version sha256:${digest} of ${other.name}, and ${folder} has ${other.digest}: have ` +
      'fetch-model.ts bring that version, take away a folder that was put there by hand, or correct MODEL_DIGEST',
  );
}

async function firstFolder(...paths: (string | undefined)[]): Promise<string | undefined> {
  for (const path of paths) if (path && (await isFolder(path))) return path;
  return undefined;
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;
