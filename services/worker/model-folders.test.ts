import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCatalogue } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findModelFolders } from './model-folders.ts';

const [builtIn] = (await loadCatalogue(pinhole.catalogue)).models;
if (builtIn === undefined) throw new Error('the built-in catalogue is empty');
const catalogue = { models: [builtIn, { ...builtIn, name: 'large' }] };

let modelDir: string;
beforeAll(async () => {
  modelDir = await mkdtemp(join(tmpdir(), 'models-'));
  await mkdir(join(modelDir, 'large'));
});
afterAll(() => rm(modelDir, { recursive: true }));

test('finds each model in the folder of its name, the built-in one where it comes with Darkroom', async () => {
  await expect(findModelFolders(catalogue, { modelDir })).resolves.toEqual([
    { name: 'pinhole', folder: pinhole.folder },
    { name: 'large', folder: join(modelDir, 'large') },
  ]);
});

test('a folder of the built-in name goes before the built-in model', async () => {
  const own = join(modelDir, 'pinhole');
  await mkdir(own);
  const found = await findModelFolders(catalogue, { modelDir, serve: ['pinhole'] });
  expect(found).toEqual([{ name: 'pinhole', folder: own }]);
  await rm(own, { recursive: true });
});

test('of a named version its own folder, where the model has one, whatever the link of its name says', async () => {
  const digest = '0123456789abcdef'.repeat(4);
  const serve = ['large'];
  const find = () => findModelFolders(catalogue, { modelDir, serve, digest });
  await expect(find()).resolves.toEqual([{ name: 'large', folder: join(modelDir, 'large') }]);
  const version = join(modelDir, 'large.0123456789abcdef');
  await mkdir(version);
  await expect(find()).resolves.toEqual([{ name: 'large', folder: version }]);
  const [unnamed] = await findModelFolders(catalogue, { modelDir, serve });
  expect(unnamed?.folder).toBe(join(modelDir, 'large'));
  await rm(version, { recursive: true });
});

test('reports every model that cannot be served, with the remedy', async () => {
  const absent = join(modelDir, 'absent');
  const serve = ['pinhole', 'large', 'smal'];
  await expect(findModelFolders(catalogue, { modelDir: absent, serve })).rejects.toMatchObject({
    kind: 'configuration',
    message: [
      'the models cannot be served:',
      `  MODEL_DIR ${absent} is not a folder`,
      `  large has no folder at ${join(absent, 'large')}`,
      '  smal is not in the catalogue, which has pinhole, large',
      'Put each folder at MODEL_DIR/NAME, or name in SERVE_MODELS those that are there.',
    ].join('\n'),
  });
});
