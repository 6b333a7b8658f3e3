import { afterAll, describe, expect, test } from 'vitest';
import {
  allocatableGpus,
  cluster,
  endWorkers,
  eventually,
  inTime,
  isReady,
  kubectl,
  onNode,
  pods,
  workers,
} from './testing/cluster-under-test.ts';
import { idlePod } from './testing/idle-pod.ts';
import { burst, ended } from './testing/load.ts';

const GPU = 'nvidia.com/gpu';

const nodes = async (labelSelector: string) =>
  (await cluster.core.listNode({ labelSelector })).items.map(
    ({ metadata }) => metadata?.name ?? '',
  );
const gpuNodes = await nodes('nvidia.com/gpu.present=true');
const [node = ''] = gpuNodes;

const simulatorOf = async (name: string) => {
  const simulators = await pods('darkroom-gpu', 'app.kubernetes.io/name=gpu-simulator');
  return simulators.find(({ spec }) => spec?.nodeName === name)?.metadata?.name ?? '';
};

/** Asks a node's simulator, from its own pod. */
async function simulate(name: string, method: 'GET' | 'POST', path: string, body?: unknown) {
  const script = `fetch('http://127.0.0.1:9401${path}',{method:'${method}',headers:{'content-type':'application/json'},body:${
    body === undefined ? 'undefined' : `JSON.stringify(${JSON.stringify(body)})`
  }}).then(async r=>{console.log(await r.text());process.exit(r.ok?0:1)})`;
  return kubectl.run([
    ...['--namespace', 'darkroom-gpu', 'exec', await simulatorOf(name), '--'],
    ...['node', '-e', script],
  ]);
}

test('GPU nodes offer what the simulator advertises, and carry the labels of feature discovery', async () => {
  expect(gpuNodes).toHaveLength(2);
  for (const name of gpuNodes) {
    await eventually(() => allocatableGpus(name)).toBe('2');
    const { metadata } = await cluster.core.readNode({ name });
    expect(metadata?.labels).toMatchObject({
      'nvidia.com/gpu.count': '2',
      'nvidia.com/gpu.product': expect.any(String),
      'nvidia.com/gpu.memory': expect.stringMatching(/^\d+$/),
    });
  }
});

test('workers run on GPU nodes alone, and nothing else does but what serves the GPUs', async () => {
  const ids = await burst(4, { count: 4, steps: 100 });
  await eventually(async () => (await workers()).some(isReady)).toBe(true);
  for (const { spec } of await workers()) {
    if (spec?.nodeName !== undefined) expect(gpuNodes).toContain(spec.nodeName);
  }
  const all = (await cluster.core.listPodForAllNamespaces()).items;
  const others = all.filter(
    ({ spec, metadata }) =>
      gpuNodes.includes(spec?.nodeName ?? '') &&
      metadata?.namespace !== 'darkroom-gpu' &&
      metadata?.labels?.['app.kubernetes.io/name'] !== 'worker' &&
      metadata?.ownerReferences?.[0]?.kind !== 'DaemonSet',
  );
  expect(others.map(({ metadata }) => metadata?.name)).toEqual([]);
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
});

const HOLDERS = 'darkroom.dev/test=holder';
/** A pod that holds GPUs and does nothing. */
const holder = (name: string, gpus: number, nodeName?: string) =>
  idlePod(name, {
    labels: { 'darkroom.dev/test': 'holder' },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      tolerations: [{ key: GPU, operator: 'Exists' }],
      ...(nodeName !== undefined && { nodeSelector: { 'kubernetes.io/hostname': nodeName } }),
    },
    container: {
      resources: {
        requests: { cpu: '1m', memory: '8Mi', [GPU]: String(gpus) },
        limits: { memory: '16Mi', [GPU]: String(gpus) },
      },
    },
  });
const create = (body: ReturnType<typeof holder>) =>
  cluster.core.createNamespacedPod({ namespace: 'darkroom', body });
/** Workers that are on their way out still count against the quota, so it may have to be tried again. */
const made = (body: ReturnType<typeof holder>) =>
  create(body).then(
    () => 'made',
    (error: Error) => (error.message.includes('already exists') ? 'made' : error.message),
  );
const removeHolders = () =>
  kubectl.run(['--namespace', 'darkroom', 'delete', 'pod', '--selector', HOLDERS, '--wait']);

describe('a pod that asks for GPUs', () => {
  afterAll(removeHolders);

  test('waits with the reason where no node has so many', async () => {
    await inTime(() => made(holder('three-at-once', 3))).toBe('made');
    await eventually(async () => {
      const { status } = await cluster.core.readNamespacedPod({
        name: 'three-at-once',
        namespace: 'darkroom',
      });
      return status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
    }).toContain(`Insufficient ${GPU}`);
  });

  test('is refused beyond the quota, with the reason', async () => {
    await expect(create(holder('too-many', 100))).rejects.toThrow(
      /exceeded quota.*nvidia\.com\/gpu/s,
    );
  });
});

test('a GPU that is shared by two takes two pods, and not a third', async () => {
  const share = (replicas: string) =>
    kubectl.run([
      ...['--namespace', 'darkroom-gpu', 'set', 'env', 'daemonset/gpu-simulator'],
      `REPLICAS${replicas}`,
    ]);
  // What workers hold could not be shared out.
  await endWorkers();
  await share('=2');
  try {
    await inTime(() => allocatableGpus(node)).toBe('4');
    const names = ['share-1', 'share-2', 'share-3', 'share-4', 'share-5'];
    const running = async () => {
      const held = await pods('darkroom', HOLDERS);
      return held.filter(({ status }) => status?.phase === 'Running').length;
    };
    for (const name of names) await inTime(() => made(holder(name, 1, node))).toBe('made');
    await inTime(running).toBe(4);
    const held = await pods('darkroom', HOLDERS);
    const [waiting] = held.filter(({ status }) => status?.phase === 'Pending');
    const reason = waiting?.status?.conditions?.find(
      ({ type }) => type === 'PodScheduled',
    )?.message;
    expect(reason).toContain(`Insufficient ${GPU}`);
  } finally {
    await removeHolders();
    await share('-');
  }
  await inTime(() => allocatableGpus(node)).toBe('2');
});

test('a device that is marked unhealthy leaves what can be allocated, and comes back', async () => {
  const devices = JSON.parse(await simulate(node, 'GET', '/devices'));
  const id: string = (devices.devices ?? devices)[0].id;
  await simulate(node, 'POST', `/devices/${id}/health`, { healthy: false });
  await eventually(() => allocatableGpus(node)).toBe('1');
  await simulate(node, 'POST', `/devices/${id}/health`, { healthy: true });
  await eventually(() => allocatableGpus(node)).toBe('2');
});

test('a restarted kubelet has its GPUs back within 10 s, and the queue is drained without hands', async () => {
  const ids = await burst(6, { count: 4, steps: 100 });
  await eventually(async () => (await workers()).some(isReady)).toBe(true);
  await onNode(node, 'systemctl', 'restart', 'kubelet');
  const began = performance.now();
  await kubectl.run(['wait', '--for=condition=Ready', `node/${node}`, '--timeout=60s']);
  await eventually(() => allocatableGpus(node)).toBe('2');
  expect(performance.now() - began).toBeLessThan(10_000);
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
});
