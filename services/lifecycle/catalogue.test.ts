import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadCatalogue } from './catalogue.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-catalogue-'));
});
afterEach(() => rm(folder, { recursive: true }));

const catalogueOf = async (content: string) => {
  const path = join(folder, 'models.json');
  await writeFile(path, content);
  return path;
};

it('reads the catalogue of the built-in model', async () => {
  const builtIn = new URL('../pinhole/models.json', import.meta.url);
  const { models } = await loadCatalogue(fileURLToPath(builtIn));
  expect(models.map(({ name }) => name)).toEqual(['pinhole']);
});

it('names the file and what to do when there is none', async () => {
  const path = join(folder, 'absent.json');
  await expect(loadCatalogue(path)).rejects.toThrow(
    `the model catalogue ${path} does not exist; set MODELS to a catalogue file`,
  );
  await expect(loadCatalogue(folder)).rejects.toThrow('cannot be read (EISDIR)');
});

it('refuses a half-written file', async () => {
  await expect(loadCatalogue(await catalogueOf('{"models": ['))).rejects.toThrow('is not JSON');
});

it('reports every field that does not fit', async () => {
  const path = await catalogueOf('{"models": [{"name": "Not A Label", "limits": {}}], "extra": 1}');
  const message = await loadCatalogue(path).catch((error: Error) => error.message);
  expect(message).toContain('models[0].name: lower-case letters, digits and hyphens');
  expect(message).toContain('models[0].limits.steps: ');
  expect(message).toContain('models[0].defaults: ');
  expect(message).toContain('extra');
});
