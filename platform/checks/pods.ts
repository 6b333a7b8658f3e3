import type { Manifest } from '../../scripts/render/manifest.ts';

type KeyRef = { name: string; key: string; optional?: boolean };
type Ref = { name: string; optional?: boolean };

export type EnvVar = {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: KeyRef; configMapKeyRef?: KeyRef; fieldRef?: { fieldPath: string } };
};

export type Container = {
  name: string;
  image: string;
  command?: string[];
  env?: EnvVar[];
  envFrom?: { configMapRef?: Ref; secretRef?: Ref }[];
  ports?: { name?: string; containerPort: number }[];
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
};

type Items = { items?: { key: string }[] };

export type Volume = {
  name: string;
  configMap?: Ref & Items;
  secret?: { secretName: string; optional?: boolean } & Items;
  persistentVolumeClaim?: { claimName: string };
  image?: { reference?: string };
  projected?: { sources: { configMap?: Ref & Items; secret?: Ref & Items }[] };
};

export type Expression = { key: string; operator: string; values?: string[] };

export type PodSpec = {
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  serviceAccountName?: string;
  priorityClassName?: string;
  terminationGracePeriodSeconds?: number;
  nodeSelector?: Record<string, string>;
  tolerations?: { key?: string; operator?: string; value?: string; effect?: string }[];
  affinity?: {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: {
        nodeSelectorTerms: { matchExpressions?: Expression[] }[];
      };
    };
  };
};

/** An object that makes pods, and what they are like. */
export type Workload = {
  object: Manifest;
  /** Where `pod` stands in it. */
  field: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  pod: PodSpec;
};

type Template = {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
};

/** Every object that makes pods: Deployment, StatefulSet, DaemonSet, Job, CronJob. */
export function workloadsOf(objects: readonly Manifest[]): Workload[] {
  return objects.flatMap((object) => {
    const isCronJob = object.kind === 'CronJob';
    const spec = isCronJob
      ? (object['spec'] as { jobTemplate: { spec: { template?: Template } } }).jobTemplate.spec
      : (object['spec'] as { template?: Template } | undefined);
    const template = spec?.template;
    if (template?.spec?.containers === undefined) return [];
    const field = isCronJob ? 'spec.jobTemplate.spec.template.spec' : 'spec.template.spec';
    const { labels = {}, annotations = {} } = template.metadata ?? {};
    return [{ object, field, labels, annotations, pod: template.spec }];
  });
}

/** Its containers, those that run first included, with where they stand. */
export const containersOf = ({ pod, field }: Workload): { container: Container; at: string }[] =>
  (['initContainers', 'containers'] as const).flatMap((list) =>
    (pod[list] ?? []).map((container) => ({
      container,
      at: `${field}.${list}[${container.name}]`,
    })),
  );

/** How many GPUs a container asks for. */
export const gpusOf = ({ resources }: Container): number =>
  Number(resources?.limits?.['nvidia.com/gpu'] ?? resources?.requests?.['nvidia.com/gpu'] ?? 0);
