import { type ModelCatalogue, modelCatalogue } from '@darkroom/contract';
import { readJsonFile } from './json-file.ts';

/**
 * Reads the catalogue file (`MODELS`).
 *
 * @throws DarkroomError (`configuration`) as `readJsonFile`
 */
export async function loadCatalogue(path: string): Promise<ModelCatalogue> {
  const { content } = await readJsonFile({
    path,
    schema: modelCatalogue,
    name: 'the model catalogue',
    remedy: 'set MODELS to a catalogue file',
  });
  return content;
}
