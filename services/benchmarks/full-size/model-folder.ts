import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { cacheFolder, clipVocabulary, progressBar } from '@darkroom/testing';
import { type WeightsRow, weightsBytes, writeRandomWeights } from './random-weights.ts';

/** Models at the size that people have, as graphs without weights; see `make_graphs.py`. */
export type FullSizeModel = 'sd-1.5' | 'sdxl-base';

const GRAPH = 'model.onnx.gz';
const WEIGHTS = 'weights.json.gz';
const folderOfModels = join(cacheFolder, 'full-size');
const SEED = 1;
/** Left free on the disk beside the model. */
const SPARE_BYTES = 2 ** 30;
const merges = new URL(
  '../../diffusion/test/reference/fixtures/clip/merges.txt.gz',
  import.meta.url,
);

/**
 * A model in the layout that Optimum writes, with random weights. It is kept in the cache, where one
 * that was not finished or is of other graphs is removed first.
 *
 * @returns the folder
 * @throws Error when the disk has not enough room
 */
export async function makeFullSizeModel(
  name: FullSizeModel,
  {
    graphs = join(import.meta.dirname, 'fixtures', name),
    root = folderOfModels,
  }: { graphs?: string; root?: string } = {},
): Promise<string> {
  const files = await filesBelow(graphs);
  const folder = join(root, `${name}-${digestOf(files)}`);
  await mkdir(root, { recursive: true });
  if ((await readdir(root)).includes(basename(folder))) return folder;
  await removeFullSizeModel(name, root);

  const weights = [...files].flatMap(([path, bytes]) =>
    basename(path) === WEIGHTS ? [{ part: dirname(path), rows: rowsOf(bytes) }] : [],
  );
  const total = weights.reduce((sum, { rows }) => sum + weightsBytes(rows), 0);
  await checkRoom(root, name, total);
  const partial = `${folder}.partial`;
  for (const [path, bytes] of files) {
    const target = join(partial, path);
    await mkdir(dirname(target), { recursive: true });
    if (basename(path) === GRAPH) {
      await writeFile(join(dirname(target), 'model.onnx'), gunzipSync(bytes));
    } else if (basename(path) !== WEIGHTS) {
      await writeFile(target, bytes);
    }
    if (basename(path) === 'tokenizer_config.json') await writeVocabulary(dirname(target));
  }
  const tensors = weights.reduce((sum, { rows }) => sum + rows.length, 0);
  const bar = progressBar(`random weights of ${name}, tensors`, tensors);
  for (const { part, rows } of weights) {
    await writeRandomWeights(join(partial, part, 'model.onnx_data'), rows, {
      seed: SEED,
      onTensor: bar.advance,
    });
  }
  bar.stop();
  await rename(partial, folder);
  return folder;
}

/** Frees the disk: the next that needs it makes it again. */
export async function removeFullSizeModel(
  name: FullSizeModel,
  root = folderOfModels,
): Promise<void> {
  for (const entry of await readdir(root)) {
    if (entry.startsWith(`${name}-`)) await rm(join(root, entry), { recursive: true });
  }
}

/** The files of a folder by their path in it, in the order of their paths. */
async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name));
  for (const path of paths.toSorted()) {
    files.set(path.slice(folder.length + 1), await readFile(path));
  }
  return files;
}

function digestOf(files: ReadonlyMap<string, Buffer>): string {
  const hash = createHash('sha256').update(String(SEED));
  for (const [path, bytes] of files) hash.update(path).update(bytes);
  return hash.digest('hex').slice(0, 12);
}

const rowsOf = (bytes: Uint8Array): WeightsRow[] => JSON.parse(gunzipSync(bytes).toString());

async function checkRoom(root: string, name: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  if (free >= bytes + SPARE_BYTES) return;
  const gibibytes = (value: number) => `${(value / 2 ** 30).toFixed(1)} GiB`;
  throw new Error(
    `the weights of ${name} take ${gibibytes(bytes)}, and ${root} has ${gibibytes(free)} free: ` +
      'make room, or set XDG_CACHE_HOME to a folder on a larger disk',
  );
}

/** CLIP's own, which all these models have. */
async function writeVocabulary(folder: string): Promise<void> {
  const text = gunzipSync(await readFile(merges)).toString();
  await writeFile(join(folder, 'merges.txt'), text);
  await writeFile(join(folder, 'vocab.json'), JSON.stringify(clipVocabulary(text)));
}
