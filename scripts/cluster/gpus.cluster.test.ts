import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  allocatableGpus,
  cluster,
  eventually,
  inTime,
  inTimeAfter,
  isReady,
  keepWorkersAway,
  kubectl,
  onNode,
  pods,
  readyAgain,
  timeOn,
  workers,
} from './testing/cluster-under-test.ts';
import {
  create,
  GPU,
  holder,
  holders,
  made,
  removeHolders,
  runningHolders,
} from './testing/gpu-holder.ts';
import { burst, ended } from './testing/load.ts';

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

/** Has simulators start anew that share each GPU between so many (`=2`), or none (`-`). */
const share = (replicas: string) =>
  kubectl.run([
    ...['--namespace', 'darkroom-gpu', 'set', 'env', 'daemonset/gpu-simulator'],
    `REPLICAS${replicas}`,
  ]);

// What a run may have left that was ended amid a test.
beforeAll(async () => {
  await removeHolders();
  await share('-');
});

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
  await inTime(async () => (await workers()).some(isReady)).toBe(true);
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
  // What workers hold could not be shared out.
  await keepWorkersAway();
  // Undone in the reverse order, each also where the other fails.
  onTestFinished(async () => {
    await share('-');
    await inTimeAfter(async () => expect(await allocatableGpus(node)).toBe('2'));
  });
  onTestFinished(removeHolders);
  await share('=2');
  await inTime(() => allocatableGpus(node)).toBe('4');
  const names = ['share-1', 'share-2', 'share-3', 'share-4', 'share-5'];
  for (const name of names) await inTime(() => made(holder(name, 1, node))).toBe('made');
  await inTime(runningHolders).toBe(4);
  const [waiting] = (await holders()).filter(({ status }) => status?.phase === 'Pending');
  const reason = waiting?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
  expect(reason).toContain(`Insufficient ${GPU}`);
});

test('a device that is marked unhealthy leaves what can be allocated, and comes back', async () => {
  const devices = JSON.parse(await simulate(node, 'GET', '/devices'));
  const id: string = (devices.devices ?? devices)[0].id;
  const mark = async (healthy: boolean) => {
    await simulate(node, 'POST', `/devices/${id}/health`, { healthy });
  };
  onTestFinished(() => mark(true));
  await mark(false);
  await eventually(() => allocatableGpus(node)).toBe('1');
  await mark(true);
  await eventually(() => allocatableGpus(node)).toBe('2');
});

test('a restarted kubelet has its GPUs back within 10 s of being ready, and the queue is drained without hands', async () => {
  const ids = await burst(6, { count: 4, steps: 100 });
  await inTime(async () => (await workers()).some(isReady)).toBe(true);
  await onNode(node, 'systemctl', 'restart', 'kubelet');
  await readyAgain(node, await timeOn(node));
  const began = performance.now();
  await eventually(() => allocatableGpus(node)).toBe('2');
  expect(performance.now() - began).toBeLessThan(10_000);
  for (const { state } of await ended(ids)) expect(state).toBe('succeeded');
});
