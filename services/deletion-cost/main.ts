// The process that keeps the deletion costs: constructs its clients, and unwinds on a signal.
import process from 'node:process';
import { coreApi } from '@darkroom/kubernetes';
import {
  createLogger,
  createMetrics,
  createProbes,
  createShutdown,
  type Logger,
  listenHost,
  onSignals,
  type Shutdown,
  startProbeServer,
} from '@darkroom/lifecycle';
import { type DeletionCostConfig, readConfig } from './config.ts';
import { keepCosts } from './keep-costs.ts';
import { readLoads } from './scaling.ts';
import { workerPods } from './worker-pods.ts';

async function main(config: DeletionCostConfig, logger: Logger): Promise<void> {
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

async function start(
  config: DeletionCostConfig,
  logger: Logger,
  shutdown: Shutdown,
): Promise<void> {
  const { NAMESPACE: namespace, SCALING_URL: url, INTERVAL_MS: intervalMs, PORT: port } = config;
  const metrics = createMetrics({ processMetrics: true });
  const costs = keepCosts({
    readLoads: (signal) => readLoads(url, signal),
    pods: workerPods(coreApi(config.KUBECONFIG), namespace),
    intervalMs,
    logger,
    metrics,
  });
  shutdown.defer('costs', costs.stop);
  const probes = createProbes({ costs: costs.isUp }, { logger });
  const host = await listenHost(config.HOST);
  const server = await startProbeServer({ host, port, probes, metrics });
  shutdown.defer('probe server', server.close);
  shutdown.defer('readiness', probes.drain);
  logger.info({ namespace, url, port: server.port }, 'deletion costs are kept');
}

try {
  const config = readConfig();
  await main(config, createLogger({ name: 'deletion-cost', level: config.LOG_LEVEL }));
} catch (error) {
  // Our own errors say what to do; where in the code one arose, LOG_LEVEL=debug tells.
  console.error(
    'darkroom deletion-cost:',
    (error instanceof Error && error.message) || String(error),
  );
  process.exit(1);
}
