import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCatalogue } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { removeFolder, temporaryFolder } from '@darkroom/testing';

/** The built-in catalogue with a bound of the benchmark's own, as a file. */
export async function benchCatalogue(
  maxQueued: number,
): Promise<{ file: string; remove(): Promise<void> }> {
  const folder = temporaryFolder('catalogue');
  const file = join(folder, 'models.json');
  const { models } = await loadCatalogue(pinhole.catalogue);
  await writeFile(file, JSON.stringify({ models: models.map((each) => ({ ...each, maxQueued })) }));
  return { file, remove: () => removeFolder(folder) };
}
