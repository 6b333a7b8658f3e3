import { readFile } from 'node:fs/promises';
import { DarkroomError } from '@darkroom/contract';
import { z } from 'zod';

/**
 * Reads a JSON file that an operator wrote.
 *
 * @param name what the file is, for messages: "the model catalogue"
 * @param remedy what to do where there is none, as a clause: "set MODELS to a catalogue file"
 * @param isSecret keeps the parser's own message to itself, which quotes the file
 * @throws DarkroomError (`configuration`) that names the file and everything wrong with it
 */
export async function readJsonFile<Schema extends z.ZodType>(options: {
  path: string;
  schema: Schema;
  name: string;
  remedy: string;
  isSecret?: boolean;
}): Promise<{ text: string; content: z.output<Schema> }> {
  const { path, schema, name, remedy, isSecret = false } = options;
  const wrong = (what: string, cause?: unknown) =>
    new DarkroomError('configuration', `${name} ${path} ${what}`, { cause });

  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? error})`;
    throw wrong(`${why}; ${remedy}`, error);
  }

  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw isSecret
      ? wrong('is not JSON')
      : wrong(`is not JSON: ${(error as Error).message}`, error);
  }

  const result = schema.safeParse(json);
  if (result.success) return { text, content: result.data };
  const problems = result.error.issues.map(
    ({ path, message }) => `  ${z.core.toDotPath(path) || 'the file'}: ${message}`,
  );
  throw wrong(`does not fit:\n${problems.join('\n')}`);
}
