import { readFile } from 'node:fs/promises';
import { DarkroomError, type ModelCatalogue, modelCatalogue } from '@darkroom/contract';
import { z } from 'zod';

/**
 * Reads the catalogue file (`MODELS`).
 *
 * @throws DarkroomError (`configuration`) that names the file and everything wrong with it
 */
export async function loadCatalogue(path: string): Promise<ModelCatalogue> {
  const wrong = (what: string, cause?: unknown) =>
    new DarkroomError('configuration', `the model catalogue ${path} ${what}`, { cause });

  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? error})`;
    throw wrong(`${why}; set MODELS to a catalogue file`, error);
  }

  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw wrong(`is not JSON: ${(error as Error).message}`, error);
  }

  const result = modelCatalogue.safeParse(content);
  if (!result.success) {
    const problems = result.error.issues.map(
      (issue) => `  ${z.core.toDotPath(issue.path) || 'the file'}: ${issue.message}`,
    );
    throw wrong(`does not fit:\n${problems.join('\n')}`, result.error);
  }
  return result.data;
}
