import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from '@darkroom/testing';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createDevices } from './devices/devices.ts';
import { startApi } from './testing/stand-in-api.ts';
import { startKubelet } from './testing/stand-in-kubelet.ts';
import { startWorker } from './testing/stand-in-worker.ts';

const nodeName = 'gpu-node-0';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulator-'));
});

/** The process, and what it logs; killed when the test is over. */
function startSimulator(environment: Record<string, string>) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const { PATH = '', NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, ...environment },
  });
  const lines: { msg: string; ports?: { metrics: number; control: number } }[] = [];
  let stderr = '';
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  return { lines, stderr: () => stderr, terminate: () => child.kill('SIGTERM'), ended };
}

/** A kubelet, the Kubernetes API and a worker in the simulator's reach. */
async function surroundings() {
  const sockets = join(folder, 'device-plugins');
  await mkdir(sockets);
  const kubelet = await startKubelet(sockets);
  onTestFinished(kubelet.stop);
  const api = await startApi(nodeName);
  onTestFinished(api.close);
  const worker = await startWorker();
  onTestFinished(worker.close);
  const kubeconfig = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const environment = {
    NODE_NAME: nodeName,
    GPU_COUNT: '2',
    DEVICE_PLUGINS_DIR: sockets,
    POD_RESOURCES_DIR: sockets,
    DEVICE_FILES_DIR: join(folder, 'files'),
    WORKER_METRICS_PORT: `${worker.port}`,
    HOST: '127.0.0.1',
    METRICS_PORT: '0',
    CONTROL_PORT: '0',
    KUBECONFIG: kubeconfig,
  };
  return { sockets, kubelet, api, worker, environment };
}

test('serves kubelet, node labels and metrics, and leaves nothing when it is told to end', async () => {
  const { sockets, kubelet, api, worker, environment } = await surroundings();
  const simulator = startSimulator(environment);
  const ports = () => simulator.lines.find(({ msg }) => msg === 'simulator started')?.ports;
  await eventually(ports).toBeDefined();
  const get = (path: string) => fetch(`http://127.0.0.1:${ports()?.metrics}${path}`);

  const devices = createDevices({ nodeName, count: 2, replicas: 1 });
  const ids = devices.list().map(({ id }) => id);
  await eventually(() => kubelet.devices()?.map(({ ID }) => ID)).toEqual(ids);
  await eventually(async () => (await get('/readyz')).status).toBe(200);
  await eventually(() => api.labels['nvidia.com/gpu.count']).toBe('2');

  const pod = { namespace: 'darkroom', pod: 'worker-pinhole-0', container: 'worker' };
  api.pods.set('darkroom/worker-pinhole-0', '127.0.0.1');
  kubelet.holdDevices([{ ...pod, ids: [ids[0] ?? ''] }]);
  const utilization = async () => {
    const text = await (await get('/metrics')).text();
    const series = /^DCGM_FI_DEV_GPU_UTIL\{.*pod="worker-pinhole-0".*\} (\d+)$/m.exec(text);
    return Number(series?.[1]);
  };
  await eventually(utilization).toBe(0);
  worker.setBusy(true);
  await eventually(utilization).toBeGreaterThan(50);
  worker.setBusy(false);
  await eventually(utilization).toBe(0);

  await fetch(`http://127.0.0.1:${ports()?.control}/devices/0/health`, {
    method: 'POST',
    body: '{"healthy":false}',
  });
  await eventually(() => kubelet.devices()?.map(({ health }) => health)).toEqual([
    'Unhealthy',
    'Healthy',
  ]);

  simulator.terminate();
  expect(await simulator.ended).toBe(0);
  expect(simulator.stderr()).toBe('');
  expect(await readdir(sockets)).toEqual(['kubelet.sock']);
});

test('lives on without a kubelet and without the API, not ready, and ends when it is told to', async () => {
  const { kubelet, api, environment } = await surroundings();
  kubelet.stop();
  api.close();
  const simulator = startSimulator(environment);
  const messages = () => simulator.lines.map(({ msg }) => msg);
  await eventually(messages).toContain('simulator started');
  await eventually(messages).toContain('cannot register with the kubelet yet');
  await eventually(messages).toContain('fails, and is tried again');
  const { ports } = simulator.lines.find(({ msg }) => msg === 'simulator started') ?? {};
  const readyz = await fetch(`http://127.0.0.1:${ports?.metrics}/readyz`);
  expect(readyz.status).toBe(503);
  expect((await fetch(`http://127.0.0.1:${ports?.metrics}/healthz`)).status).toBe(200);
  simulator.terminate();
  expect(await simulator.ended).toBe(0);
  expect(simulator.stderr()).toBe('');
});

test('says every setting that is missing or wrong, and ends with a failure', async () => {
  const simulator = startSimulator({ GPU_COUNT: 'many' });
  expect(await simulator.ended).toBe(1);
  expect(simulator.stderr()).toMatch(/^darkroom gpu-simulator: 3 environment variables/);
  expect(simulator.stderr()).not.toMatch(/^\s+at /m);
});
