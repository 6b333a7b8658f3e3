// The simulator's process: constructs its clients, serves the kubelet, and unwinds on a signal.
import { join } from 'node:path';
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
  repeat,
  type Shutdown,
  startProbeServer,
} from '@darkroom/lifecycle';
import { createActivity } from './activity/activity.ts';
import { exportDcgmMetrics } from './activity/dcgm-metrics.ts';
import { readWorker } from './activity/worker-reading.ts';
import { readConfig, type SimulatorConfig } from './config.ts';
import { startControlServer } from './control-server.ts';
import { createDeviceFiles } from './devices/device-files.ts';
import { createDevices } from './devices/devices.ts';
import { startPlugin } from './kubelet/plugin.ts';
import { createHolderSource, type Holder } from './kubelet/pod-resources.ts';
import { gpuLabels, labelNode } from './kubernetes/node-labels.ts';
import { createPodAddresses } from './kubernetes/pod-addresses.ts';

const SAMPLE_EVERY_MS = 1_000;
const LABEL_EVERY_MS = 10_000;

async function main(config: SimulatorConfig, logger: Logger): Promise<void> {
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

async function start(config: SimulatorConfig, logger: Logger, shutdown: Shutdown): Promise<void> {
  const { NODE_NAME: nodeName, GPU_COUNT: count, REPLICAS: replicas } = config;
  const { GPU_PRODUCT: product, GPU_MEMORY_MIB: memoryMiB } = config;
  const api = coreApi(config.KUBECONFIG);
  const devices = createDevices({ nodeName, count, replicas });
  const ids = devices.list().map(({ id }) => id);
  const files = await createDeviceFiles(config.DEVICE_FILES_DIR, ids);

  const holders = createHolderSource(join(config.POD_RESOURCES_DIR, 'kubelet.sock'));
  shutdown.defer('pod resources', holders.close);
  const addresses = createPodAddresses(api);
  const read = async (pod: Holder, signal: AbortSignal) => {
    try {
      const address = await addresses.find(pod, signal);
      if (address === undefined) throw new Error('the pod has no address yet');
      return await readWorker(address, config.WORKER_METRICS_PORT, signal);
    } catch (error) {
      addresses.forget(pod);
      logger.debug({ pod: pod.pod, err: error }, 'a holder of a device does not tell its activity');
      throw error;
    }
  };
  const activity = createActivity({ holders: holders.holders, read });
  const sampling = { name: 'sample the activity', pauseMs: SAMPLE_EVERY_MS, logger };
  shutdown.defer('activity', repeat(activity.sample, sampling).stop);
  const labels = gpuLabels({ product, memoryMiB, count, replicas });
  const labelling = { name: 'label the node', pauseMs: LABEL_EVERY_MS, logger };
  const label = (signal: AbortSignal) => labelNode({ api, nodeName, labels, logger, signal });
  shutdown.defer('node labels', repeat(label, labelling).stop);

  const plugin = startPlugin({ folder: config.DEVICE_PLUGINS_DIR, devices, files, logger });
  shutdown.defer('device plugin', plugin.stop);

  const metrics = createMetrics({ processMetrics: true });
  exportDcgmMetrics({ metrics, devices, activity, product, memoryMiB, nodeName });
  const probes = createProbes({ kubelet: plugin.isReady }, { logger });
  const probeServer = await startProbeServer({
    host: await listenHost(config.HOST),
    port: config.METRICS_PORT,
    variable: 'METRICS_PORT',
    probes,
    metrics,
  });
  shutdown.defer('probe server', probeServer.close);
  const control = await startControlServer({
    host: config.CONTROL_HOST,
    port: config.CONTROL_PORT,
    devices,
    files,
    logger,
  });
  shutdown.defer('control server', control.close);
  shutdown.defer('readiness', probes.drain);
  const ports = { metrics: probeServer.port, control: control.port };
  logger.info({ node: nodeName, devices: ids, replicas, ports }, 'simulator started');
}

try {
  const config = readConfig();
  await main(config, createLogger({ name: 'gpu-simulator', level: config.LOG_LEVEL }));
} catch (error) {
  // Our own errors say what to do; where in the code one arose, LOG_LEVEL=debug tells.
  console.error(
    'darkroom gpu-simulator:',
    (error instanceof Error && error.message) || String(error),
  );
  process.exit(1);
}
