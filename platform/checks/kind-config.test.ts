import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { configOf } from '../../scripts/cluster/kind-config.ts';
import { NODE_PORT } from '../../scripts/cluster/names.ts';
import { repository } from '../../scripts/repository.ts';
import { whatKindMakes } from '../testing/kind-makes.ts';

const text = readFileSync(join(repository, 'kind-config.yaml'), 'utf8');

let made: Awaited<ReturnType<typeof whatKindMakes>>;
beforeAll(async () => {
  made = await whatKindMakes(text);
});

/** Of kubeadm's objects for a node, the one of this kind. */
const objectOf = (node: string, kind: string) =>
  made.kubeadm[node]?.find((object) => object.kind === kind);

test('kind makes a control plane, a node for everything else, and two GPU nodes', () => {
  const gpu = { 'nvidia.com/gpu.present': 'true' };
  expect(made.config.Nodes.map(({ Role, Labels }) => [Role, Labels])).toEqual([
    ['control-plane', null],
    ['worker', null],
    ['worker', gpu],
    ['worker', gpu],
  ]);
});

test('one port is open on this machine, on loopback: that of the frontend', () => {
  expect(made.config.Nodes.flatMap((node) => node.ExtraPortMappings)).toMatchObject([
    { ContainerPort: NODE_PORT, HostPort: NODE_PORT, ListenAddress: '127.0.0.1' },
  ]);
  expect(made.config.Networking.APIServerAddress).toBe('127.0.0.1');
});

test('GPU nodes alone join with the label and the taint', () => {
  const taint = { key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' };
  const registrations = Object.keys(made.kubeadm).map((node) => {
    const registration = objectOf(node, 'JoinConfiguration')?.nodeRegistration;
    return [node, registration?.kubeletExtraArgs['node-labels'], registration?.taints];
  });
  expect(registrations).toEqual([
    ['darkroom-control-plane', '', undefined],
    ['darkroom-worker', '', undefined],
    ['darkroom-worker2', 'nvidia.com/gpu.present=true', [taint]],
    ['darkroom-worker3', 'nvidia.com/gpu.present=true', [taint]],
  ]);
});

test('every patch reaches the object that it is for', () => {
  for (const node of Object.keys(made.kubeadm)) {
    expect(objectOf(node, 'KubeletConfiguration')).toMatchObject({
      failCgroupV1: false,
      nodeStatusUpdateFrequency: '4s',
    });
  }
  expect(objectOf('darkroom-control-plane', 'ClusterConfiguration')).toMatchObject({
    controllerManager: { extraArgs: { 'leader-elect': 'false' } },
    scheduler: { extraArgs: { 'leader-elect': 'false' } },
    etcd: { local: { extraArgs: { 'unsafe-no-fsync': 'true' } } },
  });
  expect(made.config.FeatureGates).toBeNull();
});

test('a cluster of another name and port is as valid, and differs in these alone', async () => {
  const other = await whatKindMakes(await configOf({ cluster: 'golden', port: 31_080 }));
  const [control, first, ...gpus] = made.config.Nodes;
  expect(other.config).toEqual({
    ...made.config,
    Name: 'golden',
    Nodes: [
      control,
      { ...first, ExtraPortMappings: [{ ...first?.ExtraPortMappings[0], HostPort: 31_080 }] },
      ...gpus,
    ],
  });
  expect(Object.keys(other.kubeadm)).toContain('golden-worker3');
});

test.each([
  [{ cluster: 'Two Words', port: 31_080 }, /'Two Words' is not a valid cluster name/],
  [{ cluster: 'golden', port: 70_000 }, /node 1: .*invalid hostPort: invalid port number: 70000/],
])('kind refuses what is made for %o', async (names, words) => {
  await expect(whatKindMakes(await configOf(names))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(words),
  });
});

const mapping = { containerPort: 80, hostPort: NODE_PORT, listenAddress: '127.0.0.1' };

/** A mistake as path and value, and what kind says of it. */
const mistakes: [string, (string | number)[], unknown, RegExp][] = [
  ['an unknown field', ['nodes', 1, 'label'], { gpu: 'true' }, /field label not found/],
  ['another apiVersion', ['apiVersion'], 'kind.x-k8s.io/v1', /unknown apiVersion: kind.x-k8s.io/],
  ['another kind', ['kind'], 'Clusters', /unknown kind Clusters for apiVersion/],
  ['a value of another type', ['nodes', 2, 'labels'], ['gpu'], /cannot unmarshal !!seq into map/],
  ['an unknown role', ['nodes', 1, 'role'], 'gpu', /node 1: "gpu" is not a valid node role/],
  ['no control plane', ['nodes', 0, 'role'], 'worker', /must have at least one control-plane node/],
  [
    'a port of a node that no node has',
    ['nodes', 1, 'extraPortMappings', 0, 'containerPort'],
    65_536,
    /invalid containerPort: invalid port number: 65536/,
  ],
  [
    'a port of this machine that no machine has',
    ['nodes', 1, 'extraPortMappings', 0, 'hostPort'],
    -2,
    /invalid hostPort: invalid port number: -2/,
  ],
  [
    'a port that is mapped twice',
    ['nodes', 1, 'extraPortMappings', 1],
    mapping,
    /port mapping with same listen address, port and protocol already configured: 127\.0\.0\.1:30080/,
  ],
  [
    'an address that is none',
    ['nodes', 1, 'extraPortMappings', 0, 'listenAddress'],
    'loopback',
    /invalid listen address: loopback/,
  ],
  [
    'a network of pods that is none',
    ['networking', 'podSubnet'],
    '10.244.0.0',
    /invalid pod subnet failed to parse cidr value:"10\.244\.0\.0"/,
  ],
  [
    'a network of services of another family',
    ['networking', 'serviceSubnet'],
    'fd00::/112',
    /invalid service subnet expected IPv4 CIDR for IPv4 family/,
  ],
  ['an unknown family', ['networking', 'ipFamily'], 'ipv5', /invalid ipFamily: ipv5/],
  ['an unknown proxy', ['networking', 'kubeProxyMode'], 'ebpf', /invalid kubeProxyMode: ebpf/],
  ['a patch that is no YAML', ['kubeadmConfigPatches', 0], 'kind: [', /yaml: line 1/],
];

test.each(mistakes)('kind refuses %s', async (_, path, value, words) => {
  const changed = parseDocument(text);
  changed.setIn(path, value);
  await expect(whatKindMakes(String(changed))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(words),
  });
});

test('kind accepts a port that two nodes map, so the ports of all are counted above', async () => {
  const changed = parseDocument(text);
  changed.setIn(['nodes', 2, 'extraPortMappings'], [mapping]);
  await expect(whatKindMakes(String(changed))).resolves.toBeDefined();
});

test('kind drops a patch for an object that is not there, so each is looked for above', async () => {
  const changed = parseDocument(text);
  changed.setIn(['kubeadmConfigPatches', 0], 'kind: KubeletConfig\nfailCgroupV1: false\n');
  const { kubeadm } = await whatKindMakes(String(changed));
  expect(JSON.stringify(kubeadm)).not.toContain('failCgroupV1');
});
