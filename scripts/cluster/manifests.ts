import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { renderFolder } from '../render/render.ts';
import { repository } from '../repository.ts';
import { credentialsChecksum, type Secrets } from './secrets.ts';

/** The content of an image that a manifest names: `sha256:…`. */
export type ImageBinding = { name: string; digest: string };

/** A pod template, as far as it is read here. */
type PodTemplate = {
  metadata?: { annotations?: Record<string, string> };
  spec: {
    volumes?: { secret?: { secretName: string } }[];
    initContainers?: Container[];
    containers: Container[];
  };
};
type Container = {
  envFrom?: { secretRef?: { name: string } }[];
  env?: { valueFrom?: { secretKeyRef?: { name: string } } }[];
};
export type Workload = KubernetesObject & {
  spec: { replicas?: number; template: PodTemplate };
};

/** The annotation of pod templates that holds the checksum. */
export const CREDENTIALS = 'darkroom.dev/credentials';

/**
 * The objects of one layer of an environment as they are applied: its images bound, and its pod templates
 * stamped with the checksum of the Secrets that they read, so that a change rolls the pods.
 *
 * @param folder where the bindings are written, one folder for each layer: a kustomization that others render
 * @param secrets of the cluster; without them nothing is stamped
 */
export async function renderLayer(options: {
  environment: string;
  layer: string;
  images: readonly ImageBinding[];
  secrets?: Secrets;
  folder: string;
}): Promise<KubernetesObject[]> {
  const { environment, layer, images, secrets } = options;
  const folder = join(options.folder, layer);
  await mkdir(folder, { recursive: true });
  const render = async (patches: unknown[]) => {
    const bindings = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [relative(folder, join(repository, 'platform/environments', environment, layer))],
      images,
      patches,
    };
    await writeFile(join(folder, 'kustomization.yaml'), stringify(bindings));
    return (await renderFolder(folder)).objects;
  };
  const objects = await render([]);
  if (secrets === undefined) return objects;
  return render(stampCredentials(objects, secrets).filter(isStamped).map(stampPatch));
}

const isStamped = (object: KubernetesObject): object is Workload =>
  isWorkload(object) && object.spec.template.metadata?.annotations?.[CREDENTIALS] !== undefined;

/** kustomize's patch that sets the stamp which an object has. */
const stampPatch = ({ kind, metadata, spec }: Workload) => ({
  target: { kind, name: metadata?.name, namespace: metadata?.namespace },
  patch: stringify([
    {
      op: 'replace',
      path: `/spec/template/metadata/annotations/${CREDENTIALS.replace('/', '~1')}`,
      value: spec.template.metadata?.annotations?.[CREDENTIALS],
    },
  ]),
});

export const isWorkload = (object: KubernetesObject): object is Workload =>
  object.kind === 'Deployment' || object.kind === 'StatefulSet' || object.kind === 'DaemonSet';

/** The objects, their pod templates stamped with the Secrets that they read. */
export function stampCredentials(
  objects: KubernetesObject[],
  secrets: Secrets,
): KubernetesObject[] {
  return objects.map((object) => {
    if (!isStamped(object)) return object;
    const { template } = object.spec;
    const read = secretsOf(template);
    const checksum = credentialsChecksum(secrets[object.metadata?.namespace ?? ''] ?? {}, read);
    const metadata = {
      ...template.metadata,
      annotations: { ...template.metadata?.annotations, [CREDENTIALS]: checksum },
    };
    return { ...object, spec: { ...object.spec, template: { ...template, metadata } } };
  });
}

function secretsOf({ spec }: PodTemplate): string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const names = [
    ...(spec.volumes ?? []).map(({ secret }) => secret?.secretName),
    ...containers.flatMap(({ envFrom = [] }) => envFrom.map(({ secretRef }) => secretRef?.name)),
    ...containers.flatMap(({ env = [] }) =>
      env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ),
  ];
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}
