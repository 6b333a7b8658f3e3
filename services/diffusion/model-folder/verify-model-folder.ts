import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { modelParts, openModel } from '../families/open-model.ts';
import { checkOnnxFile } from '../onnx/onnx-file.ts';

export type ModelFile = {
  /** Within the folder, with forward slashes. */
  path: string;
  /** In bytes. */
  size: number;
  /** Hexadecimal. */
  sha256: string;
};

export type VerifiedModel = {
  files: ModelFile[];
  /** In bytes, of all files. */
  size: number;
  /** `sha256:…` over the paths, sizes and digests of all files; names the model. */
  digest: string;
};

/**
 * Reads the whole folder: every file that a model needs is there, the JSON is JSON, the ONNX files
 * are as long as they say. Whether the runtime can load them only `loadPipeline` tells.
 *
 * @throws ModelError naming what is missing or cut short
 */
export async function verifyModelFolder(folder: string): Promise<VerifiedModel> {
  const { family } = await openModel(folder);
  const paths = new Set(await modelPaths(folder, modelParts(family)));
  for (const path of paths) {
    if (!path.endsWith('.onnx')) continue;
    // Weights beside the graph may lie deeper in its folder.
    const data = await checkOnnxFile(join(folder, path));
    for (const location of data) paths.add(posix.join(posix.dirname(path), location));
  }
  const files: ModelFile[] = [];
  // Sorted by code unit, so that the digest does not depend on the file system.
  for (const path of [...paths].sort()) files.push(await describe(folder, path));
  const hash = createHash('sha256');
  for (const { path, size, sha256 } of files) hash.update(`${path}\0${size}\0${sha256}\n`);
  return {
    files,
    size: files.reduce((sum, file) => sum + file.size, 0),
    digest: `sha256:${hash.digest('hex')}`,
  };
}

/** What `verifyModelFolder` calls the model. Reads every byte of it. */
export async function modelDigest(folder: string): Promise<string> {
  return (await verifyModelFolder(folder)).digest;
}

async function modelPaths(folder: string, parts: readonly string[]): Promise<string[]> {
  const paths = ['model_index.json'];
  for (const part of parts) {
    const entries = await readdir(join(folder, part), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = `${part}/${entry.name}`;
      // A file may be a link into a download cache, so what it leads to counts.
      if ((await stat(join(folder, path))).isFile()) paths.push(path);
    }
  }
  return paths;
}

async function describe(folder: string, path: string): Promise<ModelFile> {
  const hash = createHash('sha256');
  let size = 0;
  await pipeline(createReadStream(join(folder, path)), async (chunks) => {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
  });
  return { path, size, sha256: hash.digest('hex') };
}
