import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** A file of a model as its source has it, with what its bytes are checked against. */
export const sourceFile = z.object({
  /** Within the model's folder, with forward slashes. */
  path: z.string(),
  bytes: z.int().min(0),
  /** Hexadecimal: SHA-256 of the bytes, or the SHA-1 that git names a blob of these bytes by. */
  checksum: z.union([z.object({ sha256: z.string() }), z.object({ gitBlob: z.string() })]),
});
export type SourceFile = z.output<typeof sourceFile>;

/** One version of a model where it is published: what `pullModel` needs of a hub. */
export type ModelSource = {
  /** `ORG/NAME` */
  repository: string;
  /** As it was asked for. */
  revision: string;
  /** What it is, in hexadecimal; names the version. */
  commit: string;
  files: readonly SourceFile[];
  /**
   * A file's content from `offset` on, or from the beginning: `offset` of the answer is that of its
   * first byte.
   */
  read(
    path: string,
    options: { offset: number; signal: AbortSignal },
  ): Promise<{ offset: number; content: AsyncIterable<Uint8Array> }>;
};

export const hexOf = ({ checksum }: SourceFile): string =>
  'sha256' in checksum ? checksum.sha256 : checksum.gitBlob;

/** Takes the bytes of a file; its digest is to be `hexOf(file)`. */
export function startHash({ checksum, bytes }: SourceFile) {
  return 'sha256' in checksum ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
}

/** Whether a folder has the file as its source has it; reads every byte of one that is as long. */
export async function isWhole(folder: string, file: SourceFile): Promise<boolean> {
  const path = join(folder, file.path);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size !== file.bytes) return false;
  const hash = startHash(file);
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex') === hexOf(file);
}
