// The process of the CronJob `drift` (platform/apps/drift): holds its cluster against the release that was
// verified there, logs each difference, and ends once Prometheus has read how many there are.
import process from 'node:process';
import { type DriftConfig, offerResult, readConfig } from '@darkroom/drift';
import { createLogger, type Logger, listenHost, onSignals } from '@darkroom/lifecycle';
import { KubeConfig } from '@kubernetes/client-node';
import { tellDifference } from './differences.ts';
import { driftFrom, runningRelease } from './drift.ts';
import { type KubeApi, openConfigured } from './kube-api.ts';
import { createRecord, interruptedOf } from './record.ts';

/** A pod's network policies may come a moment after it, and an API server may be started anew. */
const PATIENCE_MS = 60_000;

async function main(config: DriftConfig, logger: Logger): Promise<void> {
  const stop = new AbortController();
  onSignals({
    graceful: (signal) => stop.abort(new Error(`ended by ${signal}`)),
    forceful: () => process.exit(1),
  });
  const { signal } = stop;
  const api = openConfigured(readKubeConfig(config.KUBECONFIG), 'this cluster', {
    patienceMs: PATIENCE_MS,
    signal,
  });
  const differences = await check(api, logger);
  const wasRead = await offerResult(
    { differences, checkedAt: new Date() },
    {
      host: await listenHost(config.HOST),
      port: config.PORT,
      onListening: (port) => logger.info({ port }, 'the result is on /metrics'),
      forMs: config.OFFER_MS,
      signal,
    },
  );
  if (wasRead) logger.info('the result was read');
  else logger.warn({ ms: config.OFFER_MS }, 'nobody read the result');
}

/** How many differences there are; undefined before the first release. */
async function check(api: KubeApi, logger: Logger): Promise<number | undefined> {
  const record = createRecord(api);
  const running = await runningRelease(record);
  if (running === undefined) {
    logger.info('no release was verified in this cluster yet: there is nothing to compare with');
    return undefined;
  }
  const { release } = running.entry;
  const differences = await driftFrom(running, api);
  const begun = interruptedOf(await record.history());
  if (begun !== undefined) {
    logger.info(
      { release: begun.release },
      'a promotion is under way or was interrupted: what it has applied is among the differences',
    );
  }
  for (const difference of differences) logger.warn({ release }, tellDifference(difference));
  logger.info(
    { release, differences: differences.length },
    'the cluster was held against its release',
  );
  return differences.length;
}

/** @param path of a kubeconfig file; without one, the pod's service account is used */
function readKubeConfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (path === undefined) config.loadFromCluster();
  else config.loadFromFile(path);
  return config;
}

try {
  const config = readConfig();
  const logger = createLogger({ name: 'drift', level: config.LOG_LEVEL });
  await main(config, logger);
  logger.flush(() => process.exit(0));
} catch (error) {
  console.error('darkroom drift:', (error instanceof Error && error.message) || String(error));
  process.exit(1);
}
