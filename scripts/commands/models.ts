import type { DarkroomClient } from '@darkroom/client/source';
import { verifyModelFolder } from '@darkroom/diffusion';
import { loadCatalogue } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { table } from '@darkroom/testing/table';
import { findModelFolders } from '@darkroom/worker';
import type { Context } from './run-command.ts';
import { type ServiceOptions, withService } from './service.ts';

type ListOptions = ServiceOptions & { json: boolean };

/** What may be asked for, as the service tells it. */
export async function list(options: ListOptions, context: Context): Promise<void> {
  // A folder that was named must be there; the project's own comes about with its first use.
  const mustExist = options.dataDir !== undefined;
  const get = (client: DarkroomClient) => client.models.list.query();
  const models = await withService(options, context, get, { mustExist });
  if (options.json) return context.print(JSON.stringify(models, null, 2));
  const rows = models.map(({ name, limits, defaults, description }) => [
    name,
    `${limits.width.min}–${limits.width.max} × ${limits.height.min}–${limits.height.max}`,
    `${defaults.steps}, at most ${limits.steps}`,
    description,
  ]);
  context.print(table([['MODEL', 'PIXELS', 'STEPS', 'DESCRIPTION'], ...rows]).join('\n'));
}

/** Reads every model folder of this machine from end to end; asks no service. */
export async function verify(options: { json: boolean }, context: Context): Promise<void> {
  const { models, modelDir } = context.config.embedded;
  const catalogue = await loadCatalogue(models ?? pinhole.catalogue);
  const folders = await findModelFolders(catalogue, { modelDir });
  const verified = [];
  for (const { name, folder } of folders) {
    const { digest, size, files } = await verifyModelFolder(folder);
    verified.push({ name, folder, digest, size, files: files.length });
  }
  if (options.json) return context.print(JSON.stringify(verified, null, 2));
  const rows = verified.map(({ name, digest, size, files, folder }) => [
    name,
    `${(size / 2 ** 20).toFixed(1)} MiB`,
    String(files),
    digest,
    folder,
  ]);
  context.print(table([['MODEL', 'SIZE', 'FILES', 'DIGEST', 'FOLDER'], ...rows]).join('\n'));
}
