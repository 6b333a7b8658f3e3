import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, type DarkroomClient } from '@darkroom/client/source';
import { DarkroomError } from '@darkroom/contract';
import type { Embedded } from '@darkroom/embedded';
import { createLogger } from '@darkroom/lifecycle';
import { CommandFailure, isUnreachable, reasonOf, UsageError } from './failure.ts';
import type { Context } from './run-command.ts';

/** Options that say which service a command speaks to. */
export type ServiceOptions = {
  server?: string | undefined;
  apiKey?: string | undefined;
  dataDir?: string | undefined;
};

/**
 * Runs `work` against the service that the options name: a server, else the embedded service that
 * runs on the data folder, else one that is started for this and stopped after.
 *
 * @param work may be run again from its beginning when a joined service stops meanwhile, so it asks
 *   for pictures under one idempotency key
 * @param mustExist refuses a data folder that does not exist, rather than making it
 */
export async function withService<T>(
  options: ServiceOptions,
  context: Context,
  work: (client: DarkroomClient) => Promise<T>,
  { mustExist = false } = {},
): Promise<T> {
  const apiKey = options.apiKey ?? context.config.apiKey;
  if (options.server !== undefined) {
    return work(await connect(options.server, apiKey));
  }
  const dataDir = dataDirOf(options, context);
  if (mustExist && !existsSync(dataDir)) {
    throw new CommandFailure(
      `the data folder ${dataDir} does not exist; check --data-dir, name a running Darkroom with --server, or make the folder with generate or serve`,
    );
  }
  // Only now: whoever names a server need not wait for all that serves.
  const { findOwner } = await import('@darkroom/embedded');
  for (;;) {
    const owner = await findOwner(dataDir, context.signal);
    if (owner !== undefined) {
      try {
        return await work(createClient({ url: owner.url, apiKey, patienceMs: 2_000 }));
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        context.signal.throwIfAborted();
        continue;
      }
    }
    const service = await startUnlessOwned(dataDir, context);
    if (service === undefined) continue;
    try {
      return await work(createClient({ url: service.url, apiKey }));
    } finally {
      await service.stop();
    }
  }
}

/** A client of a server that answers; a wrong address is told at once, not after long patience. */
async function connect(url: string, apiKey: string | undefined): Promise<DarkroomClient> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new UsageError(`--server is ${url}, it must be an address such as http://127.0.0.1:8080`);
  }
  const client = createClient({ url, apiKey });
  // Whatever its scopes, a valid key may ask this.
  await client.models.list.query().catch((error: Error) => {
    if (!isUnreachable(error)) throw error;
    throw new CommandFailure(
      `no Darkroom answers at ${url} (${reasonOf(error)}); check the address and that it runs`,
    );
  });
  return client;
}

/** The data folder that the options name, else the project's. */
export const dataDirOf = ({ dataDir }: ServiceOptions, { config }: Context): string =>
  dataDir === undefined ? config.projectPath('.darkroom') : config.userPath(dataDir);

/** The folder of models by name that `MODEL_DIR` names, else the data folder's. */
export const modelDirOf = (dataDir: string, { config }: Context): string =>
  config.embedded.modelDir ?? join(dataDir, 'models');

/** The same, where it must be there if it is to be used: nothing may have been pulled yet. */
export function usableModelDir(dataDir: string, context: Context): string | undefined {
  const modelDir = modelDirOf(dataDir, context);
  const isNamed = context.config.embedded.modelDir !== undefined;
  return isNamed || existsSync(modelDir) ? modelDir : undefined;
}

/** An embedded service on the folder; undefined when another process was quicker to own it. */
async function startUnlessOwned(dataDir: string, context: Context): Promise<Embedded | undefined> {
  try {
    return await startOn(dataDir, { port: 0 }, context);
  } catch (error) {
    if (error instanceof DarkroomError && error.kind === 'conflict') return undefined;
    throw error;
  }
}

/** Starts the embedded service as the environment configures it, logging to stderr. */
export async function startOn(
  dataDir: string,
  listen: { port: number; host?: string },
  context: Context,
): Promise<Embedded> {
  const { startEmbedded } = await import('@darkroom/embedded');
  const { config } = context;
  const modelDir = usableModelDir(dataDir, context);
  const logger = createLogger({ name: 'darkroom', level: config.logLevel, destination: 'stderr' });
  return startEmbedded({ ...config.embedded, ...listen, modelDir, dataDir, logger });
}
