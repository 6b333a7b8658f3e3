import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError, type ModelCatalogue, modelCatalogue } from '@darkroom/contract';
import { readJsonFile } from './json-file.ts';

/**
 * Reads the catalogue (`MODELS`): a file, or a folder whose files `*.json` are joined in the order of
 * their names. Names that begin with a dot are passed over: Kubernetes keeps the files of a mounted
 * ConfigMap in hidden folders and links to them.
 *
 * @throws DarkroomError (`configuration`) as `readJsonFile`; for a folder without such files; for a
 *   model that two of them name
 */
export async function loadCatalogue(path: string): Promise<ModelCatalogue> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!isFolder) return await readCatalogue(path);

  const names = (await readdir(path)).filter(
    (name) => name.endsWith('.json') && !name.startsWith('.'),
  );
  if (names.length === 0) {
    throw new DarkroomError(
      'configuration',
      `the model catalogue ${path} is a folder without files *.json; put one for each model there, ` +
        'or set MODELS to another',
    );
  }
  const models: ModelCatalogue['models'] = [];
  const fileOf = new Map<string, string>();
  for (const name of names.sort()) {
    const file = join(path, name);
    for (const model of (await readCatalogue(file)).models) {
      const other = fileOf.get(model.name);
      if (other !== undefined) {
        throw new DarkroomError(
          'configuration',
          `the model ${model.name} is in two files of the catalogue, ${other} and ${file}; ` +
            'take it out of one, or give it another name',
        );
      }
      fileOf.set(model.name, file);
      models.push(model);
    }
  }
  return { models };
}

async function readCatalogue(path: string): Promise<ModelCatalogue> {
  const { content } = await readJsonFile({
    path,
    schema: modelCatalogue,
    name: 'the model catalogue',
    remedy: 'set MODELS to a catalogue file, or to a folder of them',
  });
  return content;
}
