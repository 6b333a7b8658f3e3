import type { Manifest } from '../../scripts/render/manifest.ts';
import { type Finding, finding } from './finding.ts';
import { containersOf, type Expression, gpusOf, type Workload } from './pods.ts';

/** What node feature discovery, or the simulator in its place, writes on nodes with GPUs. */
const gpuLabels = [
  'nvidia.com/gpu.present',
  'nvidia.com/gpu.product',
  'nvidia.com/gpu.memory',
  'nvidia.com/gpu.count',
  'nvidia.com/gpu.family',
  'nvidia.com/gpu.replicas',
  'nvidia.com/mig.strategy',
];
const taint = 'nvidia.com/gpu';

/** Who asks for a GPU goes to nodes with GPUs, may stay there, and nobody else does. */
export function checkScheduling(workloads: readonly Workload[]): Finding[] {
  return workloads.flatMap((workload) => {
    const { object, field, pod } = workload;
    const gpus = pod.containers.reduce((sum, container) => sum + gpusOf(container), 0);
    const tolerates = (pod.tolerations ?? []).some(
      ({ key, operator }) => operator === 'Exists' && (key === undefined || key === taint),
    );
    const expressions = nodeExpressionsOf(workload);
    const findings = expressions
      .filter(({ key }) => key.startsWith('nvidia.com/') && !gpuLabels.includes(key))
      .map(({ key, at }) =>
        finding(
          object,
          at,
          `no node will have the label ${key}`,
          `take one of ${gpuLabels.join(', ')}`,
        ),
      );
    const inInit = containersOf(workload)
      .filter(({ container, at }) => at.includes('.initContainers') && gpusOf(container) > 0)
      .map(({ at }) =>
        finding(
          object,
          `${at}.resources`,
          'asks for a GPU before the worker, which the kubelet then counts twice',
          'ask for it in the container that computes',
        ),
      );
    findings.push(...inInit);
    if (gpus > 0 && !tolerates) {
      findings.push(
        finding(
          object,
          `${field}.tolerations`,
          `nodes with GPUs have the taint ${taint}, which it does not tolerate`,
          `add { key: ${taint}, operator: Exists, effect: NoSchedule }`,
        ),
      );
    }
    if (gpus > 0 && !expressions.some(({ key }) => key === 'nvidia.com/gpu.present')) {
      findings.push(
        finding(
          object,
          `${field}.affinity.nodeAffinity`,
          'asks for a GPU and not for a node that has been found to have one',
          'require the label nvidia.com/gpu.present',
        ),
      );
    }
    // What serves the GPUs themselves runs beside the workers.
    if (gpus === 0 && tolerates && object.kind !== 'DaemonSet') {
      findings.push(
        finding(
          object,
          `${field}.tolerations`,
          'would take the place of workers on nodes with GPUs',
          `do not tolerate ${taint}`,
        ),
      );
    }
    return findings;
  });
}

/** What a pod asks of its node, with where it does. */
function nodeExpressionsOf({ field, pod }: Workload): (Expression & { at: string })[] {
  const terms =
    pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return [
    ...Object.entries(pod.nodeSelector ?? {}).map(([key, value]) => ({
      key,
      operator: 'In',
      values: [value],
      at: `${field}.nodeSelector[${key}]`,
    })),
    ...(terms ?? []).flatMap(({ matchExpressions = [] }) =>
      matchExpressions.map((expression) => ({
        ...expression,
        at: `${field}.affinity.nodeAffinity[${expression.key}]`,
      })),
    ),
  ];
}

type Bounds = { maxReplicaCount?: number; scaleTargetRef: { name: string } };

/** The namespace's quota has room for all workers that autoscaling may ask for. */
export function checkQuota(
  objects: readonly Manifest[],
  workloads: readonly Workload[],
): Finding[] {
  const quota = 'requests.nvidia.com/gpu';
  return objects.flatMap((object) => {
    const hard = (object['spec'] as { hard?: Record<string, string> } | undefined)?.hard;
    if (object.kind !== 'ResourceQuota' || hard?.[quota] === undefined) return [];
    const needed = workloads
      .filter((workload) => workload.object.metadata.namespace === object.metadata.namespace)
      .reduce((sum, { object: workload, pod }) => {
        const gpus = pod.containers.reduce((count, container) => count + gpusOf(container), 0);
        const bounds = objects
          .filter(({ kind }) => kind === 'ScaledObject')
          .map((scaled) => scaled['spec'] as Bounds)
          .find(({ scaleTargetRef: { name } }) => name === workload.metadata.name);
        const replicas =
          bounds?.maxReplicaCount ?? (workload['spec'] as { replicas?: number }).replicas ?? 1;
        // An update takes a quarter away, one at least, and those count until they have ended.
        return sum + gpus * (replicas + Math.max(1, Math.floor(replicas / 4)));
      }, 0);
    return Number(hard[quota]) >= needed
      ? []
      : [
          finding(
            object,
            `spec.hard[${quota}]`,
            `${hard[quota]} is less than the ${needed} of all workers at their bounds, those included ` +
              'that still end while an update replaces them',
            `bind ${needed}, or lower maxReplicaCount of a model`,
          ),
        ];
  });
}
