import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { ModelError } from '../model-error.ts';

/** Reads a model's files by their path within the folder, with errors that name them. */
export type ModelFolder = {
  readonly path: string;
  has(file: string): Promise<boolean>;
  readText(file: string): Promise<string>;
  /** Parsed and checked; unknown keys are left out. */
  readJson<T extends z.ZodType>(file: string, schema: T): Promise<z.infer<T>>;
  /** As `readJson` checks what the file holds, for who has parsed it. */
  check<T extends z.ZodType>(file: string, value: unknown, schema: T): z.infer<T>;
};

/** Files of which one group must be there in whole. */
export type Requirement = readonly (readonly string[])[];

/** @throws ModelError naming every file that is missing or empty */
export async function requireFiles(
  folder: ModelFolder,
  requirements: readonly Requirement[],
): Promise<void> {
  const isThere = async (group: readonly string[]) => {
    for (const file of group) if (!(await folder.has(file))) return false;
    return true;
  };
  const missing: string[] = [];
  for (const [first, ...others] of requirements) {
    const found = await Promise.all([first ?? [], ...others].map(isThere));
    if (found.includes(true)) continue;
    const [named, ...instead] = [first ?? [], ...others].map((group) => group.join(' and '));
    missing.push(instead.length === 0 ? `${named}` : `${named} (or ${instead.join(' or ')})`);
  }
  if (missing.length === 0) return;
  throw new ModelError(
    `The model folder ${folder.path} is not complete`,
    `missing or empty: ${missing.join(', ')}`,
    'Write the folder again in whole, in the Hugging Face ONNX layout that Optimum exports',
  );
}

/** The folder as it is, complete or not. */
export function modelFolder(path: string): ModelFolder {
  const readText = async (file: string) => {
    try {
      return await readFile(join(path, file), 'utf8');
    } catch (cause) {
      throw damaged(file, cause);
    }
  };
  const damaged = (file: string, cause: unknown) =>
    new ModelError(
      `The model file ${join(path, file)} cannot be used`,
      cause instanceof Error ? cause.message : String(cause),
      'Write the model folder again in whole',
      { cause },
    );

  const check = <T extends z.ZodType>(file: string, value: unknown, schema: T): z.infer<T> => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const issues = result.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`);
    throw damaged(file, issues.join('; '));
  };

  return {
    path,
    async has(file) {
      const found = await stat(join(path, file)).catch(() => undefined);
      return found?.isFile() === true && found.size > 0;
    },
    readText,
    async readJson(file, schema) {
      const text = await readText(file);
      let value: unknown;
      try {
        value = JSON.parse(withoutInfinities(text));
      } catch (cause) {
        throw damaged(file, cause);
      }
      return check(file, value, schema);
    },
    check,
  };
}

/** Python writes infinities that JSON does not have; 1e999 parses to the same number. */
const withoutInfinities = (text: string) => text.replace(/(:\s*)(-?)Infinity\b/g, '$1$21e999');
