import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kubectl } from '../../../scripts/cluster/kubectl.ts';
import { buildProgram, moduleFolder } from '../../../scripts/cluster/offline/build-program.ts';
import type { Steps } from '../../../scripts/cluster/steps.ts';

const ANNOTATION = 'kwok.x-k8s.io/node';
const MODULE = 'sigs.k8s.io/kwok';
/** What kwok does for a node and its pods, of its own module. */
const STAGES = [
  'node/fast/node-initialize.yaml',
  'node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
  'pod/fast/pod-ready.yaml',
  'pod/fast/pod-delete.yaml',
];
/** Nodes in one call. */
const BATCH = 100;

const fakeNode = (index: number, gpus: number) => {
  const name = `gpu-${String(index).padStart(4, '0')}`;
  const resources = {
    ...{ cpu: '64', memory: '512Gi', 'ephemeral-storage': '1Ti', pods: '110' },
    'nvidia.com/gpu': String(gpus),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { [ANNOTATION]: 'fake' },
      labels: {
        'kubernetes.io/hostname': name,
        'topology.kubernetes.io/zone': `zone-${index % 3}`,
        'nvidia.com/gpu.present': 'true',
        'nvidia.com/gpu.count': String(gpus),
        'nvidia.com/gpu.product': 'NVIDIA-L4',
        'nvidia.com/gpu.memory': '23034',
        type: 'kwok',
      },
    },
    spec: { taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }] },
    status: { allocatable: resources, capacity: resources },
  };
};

/** kwok's program, and what its module says of nodes and pods. */
export type Kwok = { program: string; files: string };

/** Builds kwok where the cache has none. */
export async function findKwok(steps: Steps, signal: AbortSignal): Promise<Kwok> {
  const program = await buildProgram('kwok', { steps, signal });
  return { program, files: join(await moduleFolder('kwok', MODULE, steps), 'kustomize') };
}

/**
 * Adds nodes that are kept alive, and whose pods are called ready, by kwok: for everything that looks at
 * the API they are nodes, and nothing runs on them.
 *
 * @param kubeconfig the path of a file with the cluster's access
 * @returns ends kwok
 */
export async function addFakeNodes(options: {
  nodes: number;
  gpus: number;
  kwok: Kwok;
  kubectl: Kubectl;
  kubeconfig: string;
  folder: string;
}): Promise<{ stop(): void }> {
  const { nodes, gpus, kwok, kubectl, kubeconfig, folder } = options;
  const { program, files } = kwok;
  await kubectl.run(['apply', '--server-side', '--filename', join(files, 'crd/bases')]);
  await kubectl.run(['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
  for (const stage of STAGES)
    await kubectl.apply(await readFile(join(files, 'stage', stage), 'utf8'));
  const settings = join(folder, 'kwok.json');
  await writeFile(
    settings,
    JSON.stringify({
      apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
      kind: 'KwokConfiguration',
      // With its own 4 at once it cannot keep a thousand nodes alive.
      options: {
        nodePlayStageParallelism: 32,
        podPlayStageParallelism: 64,
        nodeLeaseParallelism: 32,
      },
    }),
  );
  const child = spawn(
    program,
    [
      ...['--kubeconfig', kubeconfig, '--config', settings, '--v=WARN', '--enable-crds=Stage'],
      ...[
        '--manage-all-nodes=false',
        '--manage-nodes-with-annotation-selector',
        `${ANNOTATION}=fake`,
      ],
      ...['--node-lease-duration-seconds=40', '--server-address=127.0.0.1:0'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  try {
    for (let from = 0; from < nodes; from += BATCH) {
      const count = Math.min(BATCH, nodes - from);
      const items = Array.from({ length: count }, (_, index) => fakeNode(from + index, gpus));
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
      await kubectl.run(['create', '--filename', '-'], { input: list });
    }
  } catch (error) {
    child.kill();
    throw error;
  }
  return { stop: () => child.kill() };
}
