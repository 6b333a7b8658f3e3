import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError, type ModelCatalogue } from '@darkroom/contract';
import { pinhole } from '@darkroom/pinhole';
import type { ModelFolder } from './inference/protocol.ts';

/**
 * Where the files of the catalogue's models are: `modelDir/NAME`, and for the built-in model, where
 * `modelDir` has none of that name, the folder that comes with Darkroom.
 *
 * @param options.serve names to look for; absent: the whole catalogue
 * @throws DarkroomError (`configuration`) that names every model not in the catalogue or without a
 *   folder, and a `modelDir` that is none
 */
export async function findModelFolders(
  catalogue: ModelCatalogue,
  options: { modelDir?: string | undefined; serve?: readonly string[] | undefined },
): Promise<ModelFolder[]> {
  const { modelDir } = options;
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
    if (own !== undefined && (await isFolder(own))) found.push({ name, folder: own });
    else if (name === pinhole.name) found.push({ name, folder: pinhole.folder });
    else problems.push(`${name} has no folder${own === undefined ? '' : ` at ${own}`}`);
  }
  if (problems.length === 0) return found;
  throw new DarkroomError(
    'configuration',
    `the models cannot be served:\n${problems.map((problem) => `  ${problem}`).join('\n')}\n` +
      'Put each folder at MODEL_DIR/NAME, or name in SERVE_MODELS those that are there.',
  );
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;
