import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCatalogue } from '@darkroom/lifecycle';
import { repository } from '../repository.ts';

/** The models that the platform serves, by the catalogue files beside their manifests. */
export async function platformModels() {
  const folder = join(repository, 'platform/models');
  const entries = await readdir(folder, { recursive: true });
  const files = entries.filter((path) => path.endsWith('/model.json')).sort();
  const catalogues = await Promise.all(files.map((path) => loadCatalogue(join(folder, path))));
  return catalogues.flatMap(({ models }) => models);
}
