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
};

/** The tokenizer comes as the one file, or as the other two. */
export const tokenizerFiles = {
  fast: 'tokenizer/tokenizer.json',
  vocab: 'tokenizer/vocab.json',
  merges: 'tokenizer/merges.txt',
} as const;

/** Files that every text-to-image model has, beside those of the tokenizer. */
export const requiredFiles = [
  'model_index.json',
  'scheduler/scheduler_config.json',
  'tokenizer/tokenizer_config.json',
  'text_encoder/config.json',
  'text_encoder/model.onnx',
  'unet/config.json',
  'unet/model.onnx',
  'vae_decoder/config.json',
  'vae_decoder/model.onnx',
] as const;

/** @throws ModelError naming every file that is missing or empty */
export async function openModelFolder(path: string): Promise<ModelFolder> {
  const folder = modelFolder(path);
  const isThere = new Map<string, boolean>();
  for (const file of [...requiredFiles, ...Object.values(tokenizerFiles)]) {
    isThere.set(file, await folder.has(file));
  }
  const missing: string[] = requiredFiles.filter((file) => !isThere.get(file));
  const { fast, vocab, merges } = tokenizerFiles;
  if (!isThere.get(fast) && !(isThere.get(vocab) && isThere.get(merges))) {
    missing.push(`${fast} (or ${vocab} and ${merges})`);
  }
  if (missing.length > 0) {
    throw new ModelError(
      `The model folder ${path} is not complete`,
      `missing or empty: ${missing.join(', ')}`,
      'Write the folder again in whole, in the Hugging Face ONNX layout that Optimum exports',
    );
  }
  return folder;
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
      const result = schema.safeParse(value);
      if (!result.success) {
        const issues = result.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`);
        throw damaged(file, issues.join('; '));
      }
      return result.data;
    },
  };
}

/** Python writes infinities that JSON does not have; 1e999 parses to the same number. */
const withoutInfinities = (text: string) => text.replace(/(:\s*)(-?)Infinity\b/g, '$1$21e999');
