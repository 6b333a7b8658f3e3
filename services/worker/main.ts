// The worker's process: constructs its clients, starts, and unwinds on a signal.
import process from 'node:process';
import { connectPostgresStore } from '@darkroom/generations';
import {
  createLogger,
  createMetrics,
  createProbes,
  createShutdown,
  databasePatience,
  eventLoopDelay,
  inSpan,
  type Logger,
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
import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { readConfig, type WorkerConfig } from './config.ts';
import { asksForGpu, requireGpu } from './gpu.ts';
import { type GpuGone, nvidiaDeviceFiles, watchGpuDeviceFiles } from './gpu-device-files.ts';
import { startInference } from './inference/inference-process.ts';
import { findModelFolders, refuseOtherVersion } from './model-folders.ts';
import { defaultModelMemory } from './model-memory.ts';
import { announcePresence } from './presence.ts';
import { createWorker, type Worker } from './worker.ts';

async function main(config: WorkerConfig, logger: Logger): Promise<void> {
  const shutdown = createShutdown({ logger });
  let worker: Worker | undefined;
  onSignals({
    graceful: (signal) => void shutdown.run(signal).then((clean) => process.exit(clean ? 0 : 1)),
    forceful: () => {
      // The second signal hands the job in hand back, and the shutdown goes on; the third waits for
      // nothing, nor does the second of a worker that has not started.
      if (worker === undefined) process.exit(1);
      // What fails in it, the shutdown meets and logs.
      worker.close().catch(() => {});
      worker = undefined;
    },
  });
  const onGpuGone = ({ file, code }: GpuGone) => {
    const message =
      `the GPU is gone: ${file} cannot be opened any more (${code}). The job in hand is handed back; ` +
      'only a new container gets a GPU again, and the platform makes one when this process has ended';
    logger.fatal({ file, code }, message);
    console.error('darkroom worker:', message);
    worker?.close().catch(() => {});
    void shutdown.run('the GPU is gone').then(() => process.exit(1));
    // An engine that hangs on its GPU, or a server that is away, too, does not keep the process.
    setTimeout(() => process.exit(1), config.SHUTDOWN_GRACE_MS);
  };
  try {
    const files = config.GPU_DEVICE_FILES ?? (await defaultDeviceFiles(config));
    const gpu = await watchGpuDeviceFiles(files, onGpuGone);
    shutdown.defer('GPU device files', gpu.stop);
    worker = await start(config, logger, shutdown);
  } catch (error) {
    logger.debug({ err: error }, 'the start failed');
    // Begun by a signal amid the start: what failed only found its clients closed.
    if (shutdown.signal.aborted) return;
    await shutdown.run('it could not start');
    throw error;
  }
}

const defaultDeviceFiles = async ({ EXECUTION_PROVIDERS }: WorkerConfig) =>
  asksForGpu(EXECUTION_PROVIDERS) ? await nvidiaDeviceFiles() : [];

async function start(config: WorkerConfig, logger: Logger, shutdown: Shutdown): Promise<Worker> {
  const tracing = startTracing(tracingSettings(config, 'darkroom-worker'), logger);
  shutdown.defer('tracing', tracing.close);
  const { spans } = tracing;
  const catalogue = await loadCatalogue(config.MODELS ?? pinhole.catalogue);
  const folders = await findModelFolders(catalogue, {
    modelDir: config.MODEL_DIR,
    serve: config.SERVE_MODELS,
    digest: config.MODEL_DIGEST,
  });
  const models = folders.map(({ name }) => name);

  // Side by side, so that the worker is known to be there while it loads. What is wrong with the
  // models is told first: it was there first.
  const connecting = connectPostgresStore({
    connectionString: config.DATABASE_URL,
    patience: databasePatience(logger),
    // Two heartbeats may hang on dead connections, and the third still comes in time.
    heartbeatLimitMs: config.LEASE_MS / 3,
  });
  const loading = connecting.then((store) =>
    announcePresence({
      store,
      worker: config.WORKER_ID,
      models,
      intervalMs: config.HEARTBEAT_MS,
      logger,
      look: () => ({ state: 'loading', crashes: 0 }),
    }),
  );
  loading.catch(() => {});
  const inference = await inSpan(spans.startSpan('load models'), () =>
    startInference({
      models: folders,
      executionProviders: config.EXECUTION_PROVIDERS,
      vaeTiling: config.VAE_TILING,
      slots: config.BATCH_SLOTS,
      pictureMetadata: config.PICTURE_METADATA,
      modelMemory: config.MODEL_MEMORY ?? defaultModelMemory(config.EXECUTION_PROVIDERS),
      optimizedModelDir: config.OPTIMIZED_MODEL_DIR,
      environment: config.environment,
      stepTimeoutMs: config.STEP_TIMEOUT_MS,
      startTimeoutMs: config.MODEL_LOAD_TIMEOUT_MS,
      logger,
    }),
  );
  shutdown.defer('inference', inference.close);
  refuseOtherVersion(folders, inference.identity().models, config.MODEL_DIGEST);

  const store = await connecting;
  shutdown.defer('database', store.close);
  const objects = createS3Store(objectStoreSettings(config));
  shutdown.defer('object store', objects.close);
  await objects.check();
  const broker = await connectRabbitmq({ url: config.AMQP_URL, models, logger });
  shutdown.defer('broker', broker.close);

  const metrics = createMetrics({ processMetrics: true });
  shutdown.defer('event-loop delay', eventLoopDelay(metrics).stop);
  const worker = createWorker({
    store,
    broker,
    objects,
    inference,
    models,
    slots: config.BATCH_SLOTS,
    workerId: config.WORKER_ID,
    leaseMs: config.LEASE_MS,
    heartbeatMs: config.HEARTBEAT_MS,
    logger,
    metrics,
    spans,
  });
  const probes = createProbes(
    {
      database: store.check,
      broker: broker.isReady,
      objects: objects.check,
      inference: () => inference.pid() !== undefined,
      ...(config.REQUIRE_GPU && { gpu: () => requireGpu(inference.identity()) }),
    },
    { logger },
  );
  const host = await listenHost(config.HOST);
  const port = config.PORT;
  const server = await startProbeServer({ host, port, probes, metrics });
  shutdown.defer('probe server', server.close);
  shutdown.defer('worker', () => worker.drain(config.SHUTDOWN_GRACE_MS));
  shutdown.defer('readiness', probes.drain);
  await (await loading).stop();
  await worker.start();
  logger.info({ worker: config.WORKER_ID, models, port: server.port }, 'worker started');
  return worker;
}

try {
  const config = readConfig();
  await main(config, createLogger({ name: 'worker', level: config.LOG_LEVEL }));
} catch (error) {
  // Our own errors say what to do; where in the code one arose, LOG_LEVEL=debug tells.
  console.error('darkroom worker:', (error instanceof Error && error.message) || String(error));
  process.exit(1);
}
