import { eventually } from '@darkroom/testing';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { quietLogger as logger } from '../testing/quiet-logger.ts';
import { type StandInApi, startApi } from '../testing/stand-in-api.ts';
import { gpuLabels, labelNode } from './node-labels.ts';
import { createPodAddresses } from './pod-addresses.ts';

const nodeName = 'gpu-node-0';
const gpus = { product: 'NVIDIA-L4', memoryMiB: 23_034, count: 4, replicas: 1 };
const { signal } = new AbortController();
const node = `/api/v1/nodes/${nodeName}`;

let server: StandInApi;
let api: CoreV1Api;
beforeEach(async () => {
  server = await startApi(nodeName);
  onTestFinished(server.close);
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'c', server: server.url, skipTLSVerify: true },
    { name: 'u' },
  );
  api = config.makeApiClient(CoreV1Api);
});

test('labels the node as GPU feature discovery would, and leaves other labels alone', async () => {
  server.labels['kubernetes.io/hostname'] = nodeName;
  await labelNode({ api, nodeName, labels: gpuLabels(gpus), logger, signal });
  expect(server.labels).toEqual({
    'kubernetes.io/hostname': nodeName,
    'nvidia.com/gpu.present': 'true',
    'nvidia.com/gpu.product': 'NVIDIA-L4',
    'nvidia.com/gpu.memory': '23034',
    'nvidia.com/gpu.count': '4',
    'nvidia.com/gpu.replicas': '1',
    'nvidia.com/gpu.sharing-strategy': 'none',
    'nvidia.com/mig.capable': 'false',
  });
});

test('writes only what differs, and nothing where nothing does', async () => {
  const labels = gpuLabels(gpus);
  const label = () => labelNode({ api, nodeName, labels, logger, signal });
  await label();
  await label();
  expect(server.requests).toEqual([`GET ${node}`, `PATCH ${node}`, `GET ${node}`]);
  delete server.labels['nvidia.com/gpu.product'];
  server.labels['nvidia.com/gpu.count'] = '1';
  await label();
  expect(server.labels).toEqual(labels);
});

test('marks the product of shared GPUs, and how many share one', () => {
  expect(gpuLabels({ ...gpus, replicas: 3 })).toMatchObject({
    'nvidia.com/gpu.product': 'NVIDIA-L4-SHARED',
    'nvidia.com/gpu.replicas': '3',
    'nvidia.com/gpu.count': '4',
    'nvidia.com/gpu.sharing-strategy': 'time-slicing',
  });
});

test('a node that is not there is an error that names what was asked', async () => {
  const labelling = labelNode({ api, nodeName: 'other', labels: gpuLabels(gpus), logger, signal });
  await expect(labelling).rejects.toThrow('not found');
});

test('asks once for the address of a pod, and again once it is forgotten', async () => {
  const addresses = createPodAddresses(api);
  const pod = { namespace: 'darkroom', pod: 'worker-pinhole-0' };
  server.pods.set('darkroom/worker-pinhole-0', '');
  expect(await addresses.find(pod, signal)).toBeUndefined();
  server.pods.set('darkroom/worker-pinhole-0', '10.0.0.7');
  expect([await addresses.find(pod, signal), await addresses.find(pod, signal)]).toEqual([
    '10.0.0.7',
    '10.0.0.7',
  ]);
  expect(server.requests).toHaveLength(2);
  addresses.forget(pod);
  server.pods.delete('darkroom/worker-pinhole-0');
  await expect(addresses.find(pod, signal)).rejects.toThrow('not found');
});

test('stops waiting for an API that does not answer when its signal aborts', async () => {
  const stop = new AbortController();
  server.silent = true;
  const pod = { namespace: 'darkroom', pod: 'worker-pinhole-0' };
  const labels = gpuLabels(gpus);
  const asking = Promise.allSettled([
    labelNode({ api, nodeName, labels, logger, signal: stop.signal }),
    createPodAddresses(api).find(pod, stop.signal),
  ]);
  await eventually(() => server.requests).toHaveLength(2);
  const reason = new Error('no more');
  stop.abort(reason);
  expect(await asking).toEqual([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ]);
});
