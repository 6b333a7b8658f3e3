// The frontend's process: constructs its clients, listens, and unwinds on a signal.
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { connectPostgresStore, migratePostgres } from '@darkroom/generations';
import {
  createLogger,
  createMetrics,
  createShutdown,
  databasePatience,
  eventLoopDelay,
  type Logger,
  listenError,
  listenHost,
  loadCatalogue,
  objectStoreSettings,
  onSignals,
  type Shutdown,
  startProbeServer,
  startTracing,
  tracingSettings,
} from '@darkroom/lifecycle';
import { connectRabbitmq } from '@darkroom/messaging';
import { createS3Store } from '@darkroom/storage';
import { allowedHosts } from './access/allowed-hosts.ts';
import { startCallers } from './access/start-callers.ts';
import { createQueueViews } from './admission/queue-views.ts';
import { createFrontend } from './app.ts';
import { startRetention } from './background/retention.ts';
import { startWebhooks } from './background/start-webhooks.ts';
import { startSweep } from './background/sweep.ts';
import { closeWithin } from './close-within.ts';
import { type FrontendConfig, readConfig } from './config.ts';
import { createFrontendProbes } from './frontend-probes.ts';
import { scalingRoutes } from './http/scaling.ts';
import { readWebhookSettings } from './webhooks/settings.ts';

async function main(config: FrontendConfig, logger: Logger): Promise<void> {
  const shutdown = createShutdown({ logger });
  onSignals({
    graceful: (signal) => void shutdown.run(signal).then((clean) => process.exit(clean ? 0 : 1)),
    forceful: () => process.exit(1),
  });
  try {
    await start(config, logger, shutdown);
  } catch (error) {
    logger.debug({ err: error }, 'the start failed');
    // Begun by a signal amid the start: what failed only found its clients closed.
    if (shutdown.signal.aborted) return;
    await shutdown.run('it could not start');
    throw error;
  }
}

async function start(config: FrontendConfig, logger: Logger, shutdown: Shutdown): Promise<void> {
  const tracing = startTracing(tracingSettings(config, 'darkroom-frontend'), logger);
  shutdown.defer('tracing', tracing.close);
  const { spans } = tracing;
  const catalogue = await loadCatalogue(config.MODELS);
  const models = catalogue.models.map(({ name }) => name);

  const { DATABASE_URL: connectionString, DATABASE_WORKER_ROLE: workerRole } = config;
  const patience = databasePatience(logger);
  await migratePostgres(connectionString, {
    patience,
    ...(workerRole !== undefined && { workerRole }),
  });
  const store = await connectPostgresStore({ connectionString, patience });
  shutdown.defer('database', store.close);
  const objects = createS3Store(objectStoreSettings(config));
  shutdown.defer('object store', objects.close);
  const broker = await connectRabbitmq({ url: config.AMQP_URL, models, logger });
  shutdown.defer('broker', broker.close);

  const callers = await startCallers({
    file: config.API_KEYS_FILE,
    anonymous: config.ALLOW_ANONYMOUS,
    logger,
  });
  shutdown.defer('callers', callers.stop);
  const webhooks = await readWebhookSettings({
    file: config.WEBHOOK_SECRETS_FILE,
    allowPrivate: config.WEBHOOK_ALLOW_PRIVATE,
    ports: config.WEBHOOK_PORTS,
    logger,
  });
  if (webhooks !== undefined) shutdown.defer('webhook secrets', webhooks.stop);

  const { signal } = shutdown;
  /** Stops while the last requests are answered, and is waited for after them. */
  const inBackground = (name: string, { stop }: { stop(): Promise<void> }) => {
    // What fails in it, the shutdown meets and logs.
    signal.addEventListener('abort', () => void stop().catch(() => {}));
    shutdown.defer(name, stop);
  };
  const metrics = createMetrics({ processMetrics: true });
  shutdown.defer('event-loop delay', eventLoopDelay(metrics).stop);
  const republishAfterMs = config.REPUBLISH_AFTER_MS;
  const sweep = startSweep({ store, broker, models, logger, metrics, spans, republishAfterMs });
  inBackground('sweep', sweep);
  const ttlHours = config.RESULT_TTL_HOURS;
  const retention = startRetention({ store, objects, logger, metrics, ttlHours });
  inBackground('retention', retention);
  if (webhooks !== undefined) {
    const deliveries = startWebhooks({ store, settings: webhooks, logger, metrics });
    inBackground('webhooks', deliveries);
  }

  const probes = createFrontendProbes({ store, broker, objects, logger });
  const queues = createQueueViews(store);
  const services = {
    store,
    broker,
    objects,
    catalogue,
    queues,
    callers,
    allowedHosts: allowedHosts({
      configured: config.ALLOWED_HOSTS,
      anonymous: config.ALLOW_ANONYMOUS,
      host: config.HOST,
    }),
    webhooks,
    maxEventLoopDelayMs: config.MAX_EVENT_LOOP_DELAY_MS,
    logger,
    metrics,
    spans,
    signal,
    probes,
  };
  const app = createFrontend(services);
  const { SHUTDOWN_DELAY_MS: delayMs, SHUTDOWN_GRACE_MS: graceMs } = config;
  shutdown.defer('frontend', () => closeWithin(app, graceMs - delayMs));
  const host = await listenHost(config.HOST);
  const port = config.PORT;
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `listening at ${address}` });
  } catch (error) {
    throw listenError(error, { host, port });
  }
  const probeServer = await startProbeServer({
    host,
    port: config.PROBES_PORT,
    variable: 'PROBES_PORT',
    probes,
    metrics,
    routes: scalingRoutes({ catalogue, queues, store }),
  });
  shutdown.defer('probe server', probeServer.close);
  // Unready at once, and callers come until every load balancer has noticed.
  shutdown.defer('load balancers', () => wait(delayMs));
  logger.info({ port: probeServer.port }, 'probes are served');
}

try {
  const config = readConfig();
  await main(config, createLogger({ name: 'frontend', level: config.LOG_LEVEL }));
} catch (error) {
  // Our own errors say what to do; where in the code one arose, LOG_LEVEL=debug tells.
  console.error('darkroom frontend:', (error instanceof Error && error.message) || String(error));
  process.exit(1);
}
