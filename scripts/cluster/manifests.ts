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

const CREDENTIALS = 'darkroom.dev/credentials';

/**
 * The objects of one layer of an environment, its images bound.
 *
 * @param folder where the binding is written, one for each layer
 */
export async function renderLayer(options: {
  environment: string;
  layer: string;
  images: readonly ImageBinding[];
  folder: string;
}): Promise<KubernetesObject[]> {
  const { environment, layer, images } = options;
  const folder = join(options.folder, layer);
  await mkdir(folder, { recursive: true });
  const base = join(repository, 'platform/environments', environment, layer);
  await writeFile(
    join(folder, 'kustomization.yaml'),
    stringify({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [relative(folder, base)],
      images,
    }),
  );
  return (await renderFolder(folder)).objects;
}

export const isWorkload = (object: KubernetesObject): object is Workload =>
  object.kind === 'Deployment' || object.kind === 'StatefulSet' || object.kind === 'DaemonSet';

/** Stamps each pod template with the checksum of the Secrets that it reads, so a change rolls the pods. */
export function stampCredentials(
  objects: KubernetesObject[],
  secrets: Secrets,
): KubernetesObject[] {
  return objects.map((object) => {
    if (!isWorkload(object)) return object;
    const { template } = object.spec;
    const annotations = template.metadata?.annotations;
    if (annotations?.[CREDENTIALS] === undefined) return object;
    const read = secretsOf(template);
    const checksum = credentialsChecksum(secrets[object.metadata?.namespace ?? ''] ?? {}, read);
    const metadata = {
      ...template.metadata,
      annotations: { ...annotations, [CREDENTIALS]: checksum },
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
