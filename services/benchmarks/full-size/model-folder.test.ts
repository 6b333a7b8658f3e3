import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadNetworks, releaseNetworks, Tensor } from '@darkroom/diffusion';
import { removeFolder, temporaryFolder } from '@darkroom/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFullSizeModel } from './model-folder.ts';
import { type WeightsRow, weightsBytes, writeRandomWeights } from './random-weights.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder('full-size');
});
afterEach(() => removeFolder(folder));

const floats = async (path: string) =>
  new Float32Array(new Uint8Array(await readFile(path)).buffer);

it('writes every tensor at its place, with its mean and deviation', async () => {
  // More values than are drawn at once, a gap, then norms.
  const rows: WeightsRow[] = [
    [0, 1_200_000, 0, 0.02],
    [4_804_608, 64, 1, 0],
  ];
  const path = join(folder, 'data');
  let tensors = 0;
  await writeRandomWeights(path, rows, { seed: 3, onTensor: () => (tensors += 1) });

  const values = await floats(path);
  expect(tensors).toBe(2);
  expect(4 * values.length).toBe(weightsBytes(rows));
  const random = values.subarray(0, 1_200_000);
  const mean = random.reduce((sum, value) => sum + value, 0) / random.length;
  const square = random.reduce((sum, value) => sum + value * value, 0) / random.length;
  expect(Math.abs(mean)).toBeLessThan(2e-4);
  expect(Math.sqrt(square) / 0.02).toBeCloseTo(1, 2);
  // Of a normal distribution, 4.55 % lie beyond two deviations.
  expect(random.filter((value) => Math.abs(value) > 0.04).length / 12_000).toBeCloseTo(4.55, 0);
  expect(new Set(values.subarray(1_200_000, 1_201_152))).toEqual(new Set([0]));
  expect(new Set(values.subarray(1_201_152))).toEqual(new Set([1]));
});

it('writes the same bytes for the same seed, and others for another', async () => {
  const rows: WeightsRow[] = [[0, 1000, 0, 1]];
  const [first, again, other] = ['first', 'again', 'other'].map((name) => join(folder, name));
  await writeRandomWeights(first!, rows, { seed: 1 });
  await writeRandomWeights(again!, rows, { seed: 1 });
  await writeRandomWeights(other!, rows, { seed: 2 });
  expect(await floats(again!)).toEqual(await floats(first!));
  expect(await floats(other!)).not.toEqual(await floats(first!));
});

/** y = x · W, with W [3, 4] in model.onnx_data, as protobuf. */
function graphWithoutWeights(): Uint8Array {
  const field = (number: number, value: number | string | Uint8Array): Buffer => {
    if (typeof value === 'number') return Buffer.from([number * 8, value]);
    const bytes = Buffer.from(value as string);
    return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
  };
  const pair = (key: string, value: string) => Buffer.concat([field(1, key), field(2, value)]);
  const values = (name: string, width: number) => {
    const dims = [2, width].map((size) => field(1, field(1, size)));
    const type = field(1, Buffer.concat([field(1, 1), field(2, Buffer.concat(dims))]));
    return Buffer.concat([field(1, name), field(2, type)]);
  };
  const node = [field(1, 'x'), field(1, 'W'), field(2, 'y'), field(4, 'MatMul')];
  const weights = [
    ...[field(1, 3), field(1, 4), field(2, 1), field(8, 'W'), field(14, 1)],
    field(13, pair('location', 'model.onnx_data')),
    field(13, pair('offset', '0')),
    field(13, pair('length', '48')),
  ];
  const graph = [
    field(1, Buffer.concat(node)),
    field(2, 'graph'),
    field(5, Buffer.concat(weights)),
    field(11, values('x', 3)),
    field(12, values('y', 4)),
  ];
  const bytes = Buffer.concat(graph);
  const length = Buffer.from([(bytes.length % 128) | 128, Math.floor(bytes.length / 128)]);
  const opset = field(8, field(2, 17));
  return Buffer.concat([field(1, 8), Buffer.from([7 * 8 + 2]), length, bytes, opset]);
}

async function graphs(): Promise<{ graphs: string; root: string }> {
  const source = join(folder, 'graphs');
  await mkdir(join(source, 'unet'), { recursive: true });
  await mkdir(join(source, 'tokenizer'), { recursive: true });
  await writeFile(join(source, 'model_index.json'), '{}');
  await writeFile(join(source, 'tokenizer/tokenizer_config.json'), '{}');
  await writeFile(join(source, 'unet/model.onnx.gz'), gzipSync(graphWithoutWeights()));
  await writeFile(join(source, 'unet/weights.json.gz'), gzipSync('[[0,12,0,0.5]]'));
  return { graphs: source, root: join(folder, 'cache') };
}

it('unpacks a graph that the runtime loads with the weights that were written', async () => {
  const model = await makeFullSizeModel('sd-1.5', await graphs());
  expect((await readdir(model, { recursive: true })).toSorted()).toEqual([
    'model_index.json',
    ...['tokenizer', 'tokenizer/merges.txt', 'tokenizer/tokenizer_config.json'],
    ...['tokenizer/vocab.json', 'unet', 'unet/model.onnx', 'unet/model.onnx_data'],
  ]);
  const weights = await floats(join(model, 'unet/model.onnx_data'));
  const networks = await loadNetworks(model, ['unet'], { executionProviders: ['cpu'] });
  const x = new Tensor('float32', Float32Array.of(1, 0, 0, 0, 1, 0), [2, 3]);
  const { y } = await networks.unet.session.run({ x });
  await releaseNetworks(networks);
  expect(y?.data).toEqual(weights.subarray(0, 8));
});

it('keeps what is whole, and makes anew what is not or is of other graphs', async () => {
  const from = await graphs();
  const model = await makeFullSizeModel('sd-1.5', from);
  const mark = join(model, 'kept');
  await writeFile(mark, '');
  expect(await makeFullSizeModel('sd-1.5', from)).toBe(model);
  expect(await readdir(model)).toContain('kept');

  // As when the process ended before its model was whole.
  await rm(model, { recursive: true });
  await mkdir(join(`${model}.partial`, 'unet'), { recursive: true });
  expect(await makeFullSizeModel('sd-1.5', from)).toBe(model);

  await writeFile(join(from.graphs, 'model_index.json'), '{"other":1}');
  const other = await makeFullSizeModel('sd-1.5', from);
  expect(other).not.toBe(model);
  expect(await readdir(from.root)).toEqual([other.slice(from.root.length + 1)]);
});

it('refuses weights that the disk has no room for, before it writes', async () => {
  const from = await graphs();
  const rows = gzipSync(`[[0,${2 ** 50},0,1]]`);
  await writeFile(join(from.graphs, 'unet/weights.json.gz'), rows);
  await expect(makeFullSizeModel('sd-1.5', from)).rejects.toThrow('make room');
  expect(await readdir(from.root)).toEqual([]);
});
