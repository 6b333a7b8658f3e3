import { createClient, type DarkroomClient, UnreachableError } from '@darkroom/client/source';
import { DarkroomError } from '@darkroom/contract';
import { type Embedded, findOwner, startEmbedded } from '@darkroom/embedded';
import { createLogger } from '@darkroom/lifecycle';
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
 */
export async function withService<T>(
  options: ServiceOptions,
  context: Context,
  work: (client: DarkroomClient) => Promise<T>,
): Promise<T> {
  const apiKey = options.apiKey ?? context.config.apiKey;
  if (options.server !== undefined) {
    const client = createClient({ url: options.server, apiKey });
    return work(client);
  }
  const dataDir = dataDirOf(options, context);
  for (;;) {
    const owner = await findOwner(dataDir, context.signal);
    if (owner !== undefined) {
      try {
        return await work(createClient({ url: owner.url, apiKey, patienceMs: 2_000 }));
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
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

/** The data folder that the options name, else the project's. */
export const dataDirOf = ({ dataDir }: ServiceOptions, { config }: Context): string =>
  dataDir === undefined ? config.projectPath('.darkroom') : config.userPath(dataDir);

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
export const startOn = (
  dataDir: string,
  listen: { port: number; host?: string },
  { config }: Context,
): Promise<Embedded> =>
  startEmbedded({
    ...config.embedded,
    ...listen,
    dataDir,
    logger: createLogger({ name: 'darkroom', level: config.logLevel, destination: 'stderr' }),
  });
