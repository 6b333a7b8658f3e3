import { CommandFailure } from '../commands/failure.ts';
import { findEngine } from './engine.ts';
import { ExecError } from './exec.ts';
import type { Kubectl } from './kubectl.ts';
import type { ClusterNames } from './names.ts';
import { createSteps } from './steps.ts';
import { findTools } from './tools.ts';

/** A line of a cluster's state. */
export type StatusRow = { kind: string; name: string; ready: string; note: string };

type Item = {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: { replicas?: number };
  status?: {
    readyReplicas?: number;
    replicas?: number;
    numberReady?: number;
    desiredNumberScheduled?: number;
    allocatable?: Record<string, string>;
    conditions?: { type: string; status: string; message?: string }[];
  };
};

/**
 * What runs in the cluster, or undefined where there is no such cluster.
 *
 * @throws CommandFailure where its API server does not answer
 */
export async function clusterStatus(options: {
  names: ClusterNames;
  note: (line: string) => void;
}): Promise<StatusRow[] | undefined> {
  const { names, note } = options;
  const steps = createSteps(note);
  const docker = await findEngine(steps, { start: false });
  const { kind, kubectl } = await findTools({ docker, names, steps, build: false });
  if (!(await kind.clusters()).includes(names.cluster)) return undefined;
  await requireApiServer(kubectl, names);
  const items = await Promise.all(
    ['nodes', 'deployments,statefulsets,daemonsets', 'scaledobjects.keda.sh'].map((kinds) =>
      itemsOf(kubectl, kinds),
    ),
  );
  return items.flat().map(rowOf);
}

async function requireApiServer(kubectl: Kubectl, { cluster }: ClusterNames): Promise<void> {
  const asked = kubectl.run(['get', '--raw', '/readyz'], { timeoutMs: 10_000 });
  await asked.catch(() => {
    throw new CommandFailure(
      `the API server of the cluster ${cluster} does not answer: \`darkroom cluster up\` starts nodes ` +
        'that do not run; where that does not help, make it anew (`darkroom cluster down`, then `up`)',
    );
  });
}

async function itemsOf(kubectl: Kubectl, kinds: string): Promise<Item[]> {
  const list = await kubectl
    .get<{ items: Item[] }>([kinds, '--all-namespaces'], { timeoutMs: 30_000 })
    .catch((error: unknown) => {
      // A kind that is not installed yet.
      if (error instanceof ExecError && /have a resource type/.test(error.stderr)) return undefined;
      throw error;
    });
  return list?.items ?? [];
}

function rowOf({ kind, metadata, spec, status = {} }: Item): StatusRow {
  const name = metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
  const condition = (type: string) => status.conditions?.find((each) => each.type === type);
  switch (kind) {
    case 'Node': {
      const gpus = status.allocatable?.['nvidia.com/gpu'];
      const ready = condition('Ready');
      return {
        kind,
        name,
        ready: ready?.status === 'True' ? 'yes' : 'no',
        note: gpus === undefined ? '' : `nvidia.com/gpu: ${gpus}`,
      };
    }
    case 'ScaledObject':
      return {
        kind,
        name,
        ready: condition('Ready')?.status === 'True' ? 'yes' : 'no',
        note: condition('Fallback')?.status === 'True' ? 'in fallback' : '',
      };
    default: {
      const wanted = status.desiredNumberScheduled ?? spec.replicas ?? 0;
      const ready = status.numberReady ?? status.readyReplicas ?? 0;
      return { kind, name, ready: `${ready}/${wanted}`, note: '' };
    }
  }
}
