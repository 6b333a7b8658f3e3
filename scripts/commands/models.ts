import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type DarkroomClient } from '@darkroom/client/source';
import { modelName } from '@darkroom/contract';
import { type VerifiedModel, verifyModelFolder } from '@darkroom/diffusion';
import { loadCatalogue } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { table } from '@darkroom/testing/table';
import {
  checkPulled,
  findModelFolders,
  listPulled,
  type PulledModel,
  removePulled,
} from '@darkroom/worker';
import { CommandFailure, UsageError } from './failure.ts';
import type { Context } from './run-command.ts';
import {
  dataDirOf,
  modelDirOf,
  type ServiceOptions,
  usableModelDir,
  withService,
} from './service.ts';

type ListOptions = ServiceOptions & { local?: boolean; json: boolean };
type FolderOptions = { dataDir?: string | undefined; json: boolean };

/** What may be asked for, as the service tells it; or what was pulled to this machine. */
export async function list(options: ListOptions, context: Context): Promise<void> {
  if (options.local) return await listLocal(options, context);
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

async function listLocal(options: ListOptions, context: Context): Promise<void> {
  const pulled = await listPulled(modelDirOf(dataDirOf(options, context), context));
  const models = pulled.map(({ files, ...model }) => ({
    ...model,
    size: files.reduce((sum, { bytes }) => sum + bytes, 0),
  }));
  if (options.json) return context.print(JSON.stringify(models, null, 2));
  const rows = models.map(({ name, repository, revision, commit, size, folder }) => [
    name,
    inMiB(size),
    `${repository}@${revision}`,
    commit.slice(0, 12),
    folder,
  ]);
  context.print(table([['MODEL', 'SIZE', 'PULLED', 'COMMIT', 'FOLDER'], ...rows]).join('\n'));
}

/** Reads every model folder of this machine from end to end; asks no service and no hub. */
export async function verify(options: FolderOptions, context: Context): Promise<void> {
  const modelDir = usableModelDir(dataDirOf(options, context), context);
  const catalogue = await loadCatalogue(context.config.embedded.models ?? pinhole.catalogue);
  const pulled = new Map<string, PulledModel>();
  for (const model of modelDir === undefined ? [] : await listPulled(modelDir)) {
    pulled.set(model.folder, model);
  }
  const folders = await findModelFolders(catalogue, { modelDir });
  const others = [...pulled.values()].filter(({ folder }) =>
    folders.every((other) => other.folder !== folder),
  );
  const verified = [];
  for (const { name, folder } of [...folders, ...others]) {
    context.signal.throwIfAborted();
    const from = pulled.get(folder);
    const { digest, size, files } = await verifyFolder(folder, from);
    const origin = from && { repository: from.repository, commit: from.commit };
    verified.push({ name, folder, digest, size, files: files.length, ...origin });
  }
  if (options.json) return context.print(JSON.stringify(verified, null, 2));
  const rows = verified.map(({ name, digest, size, files, folder }) => [
    name,
    inMiB(size),
    String(files),
    digest,
    folder,
  ]);
  context.print(table([['MODEL', 'SIZE', 'FILES', 'DIGEST', 'FOLDER'], ...rows]).join('\n'));
}

/** One that was pulled must be as it was published, which also tells what brings it back. */
async function verifyFolder(
  folder: string,
  pulled: PulledModel | undefined,
): Promise<VerifiedModel> {
  if (pulled === undefined) return await verifyModelFolder(folder);
  const verified = await verifyModelFolder(folder).catch(async (error: unknown) => {
    await checkPulled(pulled);
    throw error;
  });
  await checkPulled(pulled, verified.files);
  return verified;
}

type RemoveOptions = FolderOptions & { name: string; yes: boolean };

/** Removes a model that was pulled, with its catalogue. */
export async function remove(options: RemoveOptions, context: Context): Promise<void> {
  const { name, yes, json } = options;
  if (!modelName.safeParse(name).success) {
    throw new UsageError(`${JSON.stringify(name)} is no model's name`);
  }
  const { signal, note, print } = context;
  const dataDir = dataDirOf(options, context);
  const modelDir = modelDirOf(dataDir, context);
  if (!yes) await refuseServed(name, dataDir, context);
  await removePulled(modelDir, name, {
    onWait: () => note(`another process pulls or removes ${name}; waiting for it`),
    signal,
  });
  await rm(join(modelDir, `${name}.json`), { force: true });
  const folder = join(modelDir, name);
  print(json ? JSON.stringify({ name, folder }, null, 2) : `${name} is removed from ${modelDir}`);
}

/** Refuses what the service on the data folder has loaded. Of other services nobody here knows. */
async function refuseServed(name: string, dataDir: string, context: Context): Promise<void> {
  if (!existsSync(dataDir)) return;
  const { findOwner } = await import('@darkroom/embedded');
  const owner = await findOwner(dataDir, context.signal);
  if (owner === undefined) return;
  const { apiKey } = context.config;
  const models = await createClient({ url: owner.url, apiKey }).models.list.query();
  if (models.every((model) => model.name !== name)) return;
  throw new CommandFailure(
    `the service at ${owner.url}, on the data folder ${dataDir}, has ${name} loaded; stop it first, or add --yes`,
  );
}

const inMiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
