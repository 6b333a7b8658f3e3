import { type ConfigSchema, loadConfig } from '@darkroom/lifecycle';
import type { Manifest } from '../../scripts/render/manifest.ts';
import { schema as deletionCost } from '../../services/deletion-cost/config.ts';
import { schema as drift } from '../../services/drift/config.ts';
import { schema as frontend } from '../../services/frontend/config.ts';
import { schema as gpuSimulator } from '../../services/gpu-simulator/config.ts';
import { schema as canary } from '../../services/worker/canary/config.ts';
import { schema as worker } from '../../services/worker/config.ts';
import { schema as fetchModel } from '../../services/worker/model-cache/config.ts';
import { secrets as allSecrets, type SecretKeys } from '../secrets.ts';
import { type Finding, finding } from './finding.ts';
import { type OwnImage, ownImageOf } from './images.ts';
import { type Container, containersOf, type Workload } from './pods.ts';

/** What each of Darkroom's own programs reads of its environment. */
const schemas: Record<OwnImage, ConfigSchema> = {
  frontend,
  worker,
  'deletion-cost': deletionCost,
  drift,
  'gpu-simulator': gpuSimulator,
};

/** Other programs of the same images, by what their command runs. */
const otherPrograms: Record<string, { schema: ConfigSchema; config: string }> = {
  'services/worker/fetch-model.ts': {
    schema: fetchModel,
    config: 'services/worker/model-cache/config.ts',
  },
  'services/worker/canary.ts': {
    schema: canary,
    config: 'services/worker/canary/config.ts',
  },
};

/** What stands in a Secret is not known here; the program's schema gets something of the right shape. */
const examples: Record<string, string> = {
  AMQP_URL: 'amqp://user:password@rabbitmq:5672',
  DATABASE_URL: 'postgres://user:password@postgres:5432/darkroom',
};

/**
 * What a container is given is what its program reads: no variable that it does not know, none missing
 * that it needs, and no value that it would refuse at its start.
 */
export function checkVariables(
  objects: readonly Manifest[],
  workloads: readonly Workload[],
  { secrets = allSecrets }: { secrets?: readonly SecretKeys[] } = {},
): Finding[] {
  return workloads.flatMap((workload) =>
    containersOf(workload).flatMap(({ container, at }) => {
      const program = programOf(container);
      if (program === undefined) return [];
      const { schema, config } = program;
      const values = valuesOf(container, workload, objects, secrets);
      const given = [...values.keys()].filter((name) => name !== 'KUBERNETES_SERVICE_HOST');
      // OpenTelemetry reads its own variables itself, and more of them than a schema says.
      const unknown = given.filter((name) => !(name in schema.shape) && !name.startsWith('OTEL_'));
      const findings = unknown.map((name) =>
        finding(
          workload.object,
          `${at}.env[${name}]`,
          `${config} knows no variable ${name}`,
          'correct its name, or add it there',
        ),
      );
      try {
        loadConfig(schema, Object.fromEntries(values));
      } catch (error) {
        const told = (error as Error).message.split('\n').slice(1, -1);
        for (const line of told) {
          findings.push(
            finding(
              workload.object,
              `${at}.env`,
              line.trim(),
              'set it in the ConfigMap or Secret that the container reads',
            ),
          );
        }
      }
      return findings;
    }),
  );
}

/** What reads a container's variables, where it is one of Darkroom's own programs. */
function programOf({
  image,
  command,
}: Container): { schema: ConfigSchema; config: string } | undefined {
  const own = ownImageOf(image);
  if (own === undefined) return undefined;
  if (command === undefined) return { schema: schemas[own], config: `services/${own}/config.ts` };
  return command.map((word) => otherPrograms[word]).find((program) => program !== undefined);
}

/** By name, the last one given counting, as for the kubelet. */
function valuesOf(
  container: Container,
  workload: Workload,
  objects: readonly Manifest[],
  secrets: readonly SecretKeys[],
): Map<string, string> {
  const { namespace } = workload.object.metadata;
  const configMap = (name: string) =>
    (objects.find(
      ({ kind, metadata }) =>
        kind === 'ConfigMap' && metadata.namespace === namespace && metadata.name === name,
    )?.['data'] ?? {}) as Record<string, string>;
  // The kubelet gives this one to every container.
  const values = new Map([['KUBERNETES_SERVICE_HOST', '10.96.0.1']]);
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    for (const [name, value] of Object.entries(configMapRef ? configMap(configMapRef.name) : {})) {
      values.set(name, value);
    }
    const secret = secrets.find(
      (entry) => entry.namespace === namespace && entry.name === secretRef?.name,
    );
    for (const key of secret?.keys ?? []) values.set(key, examples[key] ?? 'secret');
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const ref = valueFrom?.configMapKeyRef;
    const known = ref ? configMap(ref.name)[ref.key] : fieldOf(workload, valueFrom?.fieldRef);
    values.set(name, value ?? known ?? examples[name] ?? 'given');
  }
  return values;
}

/** A label or an annotation of the pod; what else a pod has, the cluster gives it. */
function fieldOf(
  { labels, annotations }: Workload,
  ref: { fieldPath: string } | undefined,
): string | undefined {
  const [, map, key = ''] =
    /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(ref?.fieldPath ?? '') ?? [];
  if (map === undefined) return undefined;
  // As the kubelet gives one that is not there.
  return (map === 'labels' ? labels : annotations)[key] ?? '';
}

/** Seconds to end in, against what the program's own settings may take of them. */
export function checkGrace(
  objects: readonly Manifest[],
  workloads: readonly Workload[],
): Finding[] {
  return workloads.flatMap((workload) => {
    const [container] = workload.pod.containers;
    if (container === undefined || container.command !== undefined) return [];
    const own = ownImageOf(container.image);
    if (own !== 'frontend' && own !== 'worker') return [];
    const values = valuesOf(container, workload, objects, []);
    const milliseconds = (name: string) => Number(values.get(name) ?? Number.NaN);
    const needed =
      milliseconds('SHUTDOWN_GRACE_MS') + (own === 'worker' ? milliseconds('STEP_TIMEOUT_MS') : 0);
    const given = (workload.pod.terminationGracePeriodSeconds ?? 30) * 1_000;
    return given > needed
      ? []
      : [
          finding(
            workload.object,
            `${workload.field}.terminationGracePeriodSeconds`,
            `its own settings take ${needed} ms to end, and Kubernetes kills it after ${given}`,
            'make it longer than those, with time to save',
          ),
        ];
  });
}
