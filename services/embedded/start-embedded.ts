import { join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import {
  allowedHosts,
  createFrontend,
  createFrontendProbes,
  isLoopback,
  readWebhookSettings,
  serveOperations,
  startCallers,
  startRetention,
  startSweep,
  startWebhooks,
} from '@darkroom/frontend';
import { openPgliteStore } from '@darkroom/generations';
import {
  createLogger,
  createMetrics,
  createShutdown,
  type Logger,
  listenError,
  loadCatalogue,
  type Shutdown,
  startTracing,
  type TracingSettings,
} from '@darkroom/lifecycle';
import { createInProcessBroker } from '@darkroom/messaging';
import { pinhole } from '@darkroom/pinhole';
import { createFsStore } from '@darkroom/storage';
import {
  activeGpu,
  createWorker,
  defaultModelMemory,
  findModelFolders,
  type Inference,
  startInference,
} from '@darkroom/worker';
import { acquireOwnerLock } from './owner-lock.ts';

export type EmbeddedOptions = {
  /** Keeps the records, the pictures and the owner lock; made if need be. */
  dataDir: string;
  /** 0 takes any free port. */
  port: number;
  /** @default '127.0.0.1' */
  host?: string | undefined;
  /** The catalogue file. @default the built-in model alone */
  models?: string | undefined;
  /** Folder of models by name. */
  modelDir?: string | undefined;
  /** The runtime's providers in order of preference. @default ['cpu'] */
  executionProviders?: readonly string[] | undefined;
  /** Bytes for all models together, by estimate. @default on the CPU, what `defaultModelMemory` says */
  modelMemory?: number | undefined;
  /** Where optimised copies of the models are kept. @default `optimized` in the data folder */
  optimizedModelDir?: string | undefined;
  /** Refuses to start unless a GPU provider is active. @default false */
  requireGpu?: boolean | undefined;
  /** Whether the pictures' files carry what made them, the prompts included. @default true */
  pictureMetadata?: boolean | undefined;
  /** The API keys of those who may call. @default whoever reaches a loopback host */
  apiKeysFile?: string | undefined;
  /** Lets whoever reaches the host call without a key. @default on loopback, where there are no keys */
  allowAnonymous?: boolean | undefined;
  /**
   * Host names that requests may be sent to, and that web pages may call from; `*` for any.
   * @default any, but without keys on loopback only names of this machine
   */
  allowedHosts?: readonly string[] | undefined;
  /** By tenant the secrets that webhooks are signed with. @default no webhooks */
  webhookSecretsFile?: string | undefined;
  /** Also sends webhooks over http, to private addresses and to any port. @default false */
  webhookAllowPrivate?: boolean | undefined;
  /** The ports that receivers of webhooks may listen on. @default [443, 8443] */
  webhookPorts?: readonly number[] | undefined;
  /** How long a finished generation is kept. @default for ever */
  resultTtlHours?: number | undefined;
  /** Where spans are exported to. @default nowhere */
  tracing?: TracingSettings | undefined;
  /** This process's environment, of which the inference child sees a short list. */
  environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** @default warnings and errors, on stderr */
  logger?: Logger | undefined;
};

export type Embedded = {
  url: string;
  /**
   * Turns unready, finishes the job in hand or saves its run, and gives the folder back. What is accepted until
   * the listener closes stays in the records for the next owner.
   */
  stop(): Promise<void>;
};

/** A lease no one competes for: it only has to outlast a pause of the process. */
const LEASE_MS = 60_000;
const HEARTBEAT_MS = 5_000;
/** For the job in hand to be finished; after it the job goes on from its step at the next start. */
const GRACE_MS = 20_000;
/** The records are kept by the same thread, and the only caller is mostly its owner. */
const MAX_EVENT_LOOP_DELAY_MS = 2_000;

/**
 * The whole service in this process and one child for the engine: frontend, sweep, worker, records
 * on PGlite, queue in memory, pictures in files. Resolves once it takes work, and goes on with
 * whatever a former owner of the folder had accepted and not finished.
 *
 * @throws DarkroomError `conflict` when another process owns the folder, `configuration` when the
 *   folder, the port or a model cannot be used, or a GPU is required and none is active
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const logger =
    options.logger ?? createLogger({ name: 'embedded', level: 'warn', destination: 'stderr' });
  const shutdown = createShutdown({ logger });
  try {
    const url = await start(options, logger, shutdown);
    return {
      url,
      stop: async () => {
        await shutdown.run('stopped');
      },
    };
  } catch (error) {
    await shutdown.run('it could not start');
    throw error;
  }
}

async function start(
  options: EmbeddedOptions,
  logger: Logger,
  shutdown: Shutdown,
): Promise<string> {
  const { dataDir, port, host = '127.0.0.1', modelDir } = options;
  const catalogue = await loadCatalogue(options.models ?? pinhole.catalogue);
  const folders = await findModelFolders(catalogue, { modelDir });
  const { apiKeysFile: file } = options;
  const anonymous = options.allowAnonymous || (file === undefined && isLoopback(host));
  if (file === undefined && !anonymous) throw openToOthers(host);
  const callers = await startCallers({ file, anonymous, logger });
  shutdown.defer('callers', callers.stop);
  const webhooks = await readWebhookSettings({
    file: options.webhookSecretsFile,
    allowPrivate: options.webhookAllowPrivate ?? false,
    ports: options.webhookPorts,
    logger,
  });
  if (webhooks !== undefined) shutdown.defer('webhook secrets', webhooks.stop);

  const tracing = startTracing(options.tracing, logger);
  shutdown.defer('tracing', tracing.close);
  const { spans } = tracing;

  const lock = acquireOwnerLock(dataDir);
  shutdown.defer('owner lock', lock.release);
  const store = await openPgliteStore({ folder: join(dataDir, 'records') });
  shutdown.defer('records', store.close);
  // Whoever held a lease was a process of a former owner, and its messages went with it.
  await store.expireAllLeases();
  const objects = createFsStore({ folder: dataDir });
  shutdown.defer('objects', objects.close);
  const broker = createInProcessBroker({ logger });
  shutdown.defer('broker', broker.close);

  const metrics = createMetrics({ processMetrics: true });
  const { signal } = shutdown;
  const probes = createFrontendProbes({ store, broker, objects, logger });
  const services = {
    store,
    broker,
    objects,
    catalogue,
    callers,
    allowedHosts: allowedHosts({ configured: options.allowedHosts, anonymous, host }),
    webhooks,
    maxEventLoopDelayMs: MAX_EVENT_LOOP_DELAY_MS,
    logger,
    metrics,
    spans,
    signal,
    probes,
  };
  const frontend = createFrontend(services);
  // One port for everything: only this machine reaches it, unless it is told otherwise.
  serveOperations(frontend, probes, metrics);
  shutdown.defer('frontend', () => frontend.close());
  const url = await frontend.listen({ host, port }).catch((error: unknown) => {
    throw listenError(error, { host, port });
  });

  const inference = await startInference({
    models: folders,
    logger,
    environment: options.environment ?? {},
    pictureMetadata: options.pictureMetadata ?? true,
    modelMemory: options.modelMemory ?? defaultModelMemory(options.executionProviders ?? ['cpu']),
    optimizedModelDir: options.optimizedModelDir ?? join(dataDir, 'optimized'),
    ...(options.executionProviders && { executionProviders: options.executionProviders }),
  });
  shutdown.defer('inference', inference.close);
  if (options.requireGpu) refuseWithoutGpu(inference);
  const worker = createWorker({
    store,
    broker,
    objects,
    inference,
    models: folders.map(({ name }) => name),
    workerId: `embedded-${process.pid}`,
    leaseMs: LEASE_MS,
    heartbeatMs: HEARTBEAT_MS,
    logger,
    metrics,
    spans,
  });
  shutdown.defer('worker', () => worker.drain(GRACE_MS));
  await worker.start();
  const models = catalogue.models.map(({ name }) => name);
  const sweep = startSweep({ store, broker, models, logger, metrics, spans });
  shutdown.defer('sweep', sweep.stop);
  const { resultTtlHours: ttlHours = null } = options;
  const retention = startRetention({ store, objects, logger, metrics, ttlHours });
  shutdown.defer('retention', retention.stop);
  if (webhooks !== undefined) {
    const deliveries = startWebhooks({ store, settings: webhooks, logger, metrics });
    shutdown.defer('webhooks', deliveries.stop);
  }

  lock.announce(url);
  return url;
}

const openToOthers = (host: string) =>
  new DarkroomError(
    'configuration',
    `others reach ${host}, and nobody could be told apart: set API_KEYS_FILE to a file of keys ` +
      '(`darkroom keys create` makes them), listen on 127.0.0.1, or set ALLOW_ANONYMOUS=1 to let ' +
      'whoever reaches it ask and see everything',
  );

function refuseWithoutGpu(inference: Inference): void {
  try {
    activeGpu(inference.identity());
  } catch (error) {
    throw new DarkroomError('configuration', (error as Error).message, { cause: error });
  }
}
