import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

const builtIn = fileURLToPath(new URL('../pinhole/models.json', import.meta.url));

it('reads the catalogue of the built-in model', async () => {
  const { models } = await loadCatalogue(builtIn);
  expect(models.map(({ name }) => name)).toEqual(['pinhole']);
});

it('names the file and what to do when there is none', async () => {
  const path = join(folder, 'absent.json');
  await expect(loadCatalogue(path)).rejects.toThrow(
    `the model catalogue ${path} does not exist; set MODELS to a catalogue file`,
  );
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

describe('a folder', () => {
  /** A catalogue file of models like the built-in one, by these names. */
  const write = async (file: string, ...names: string[]) => {
    const [model] = JSON.parse(await readFile(builtIn, 'utf8')).models;
    const models = names.map((name) => ({ ...model, name }));
    await writeFile(join(folder, file), JSON.stringify({ models }));
  };

  it('is joined in the order of its files', async () => {
    await write('b.json', 'second');
    await write('a.json', 'third', 'first');
    await writeFile(join(folder, 'kustomization.yaml'), 'resources: []');
    const { models } = await loadCatalogue(folder);
    expect(models.map(({ name }) => name)).toEqual(['third', 'first', 'second']);
  });

  it('is read once where Kubernetes mounts it, whose links lead into hidden folders', async () => {
    await mkdir(join(folder, '..2026_11_28'));
    await write('..2026_11_28/pinhole.json', 'pinhole');
    await symlink('..2026_11_28', join(folder, '..data'));
    await symlink('..data/pinhole.json', join(folder, 'pinhole.json'));
    await write('.pinhole.json', 'pinhole');
    const { models } = await loadCatalogue(folder);
    expect(models.map(({ name }) => name)).toEqual(['pinhole']);
  });

  it('is refused where two files name one model, both of which are told', async () => {
    await write('a.json', 'pinhole', 'other');
    await write('b.json', 'other');
    const [a, b] = [join(folder, 'a.json'), join(folder, 'b.json')];
    await expect(loadCatalogue(folder)).rejects.toThrow(
      `the model other is in two files of the catalogue, ${a} and ${b}; take it out of one`,
    );
  });

  it('is refused without files', async () => {
    await write('.hidden.json', 'pinhole');
    await expect(loadCatalogue(folder)).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining(`${folder} is a folder without files *.json`),
    });
  });

  it('is refused for one file that does not fit, which is told', async () => {
    await write('a.json', 'pinhole');
    await write('b.json', 'Not A Label');
    const message = await loadCatalogue(folder).catch((error: Error) => error.message);
    expect(message).toContain(`the model catalogue ${join(folder, 'b.json')} does not fit`);
  });
});
