import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { environmentNames } from '../../scripts/render/environments.ts';
import {
  platformPath,
  type Rendered,
  renderEnvironment,
  renderFolder,
} from '../../scripts/render/render.ts';

/** A layer of an environment with components that no environment takes in, for who needs them. */
export type Variant = { layer: string; components: readonly string[] };

export const variants: readonly Variant[] = [
  { layer: 'production/apps', components: ['cluster-autoscaler'] },
  { layer: 'production/apps', components: ['image-volume'] },
  { layer: 'production/infrastructure', components: ['dra'] },
  { layer: 'production/infrastructure', components: ['prometheus-operator'] },
  { layer: 'production/infrastructure', components: ['gpu-nvidia/time-slicing'] },
  { layer: 'production/infrastructure', components: ['gpu-nvidia/mps'] },
  { layer: 'production/infrastructure', components: ['gpu-nvidia/mig'] },
];

export async function renderVariant({ layer, components }: Variant): Promise<Rendered> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-variant-'));
  // Paths from there to here: kustomize takes no absolute ones.
  const path = (name: string) => relative(folder, platformPath(name));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [path(`environments/${layer}`)],
    components: components.map((name) => path(`components/${name}`)),
  };
  try {
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    return await renderFolder(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Whatever can be rendered, each once. */
async function renderAll(): Promise<Rendered[]> {
  const rendered: Rendered[] = [];
  for (const name of environmentNames) {
    const { infrastructure, apps } = await renderEnvironment(name);
    rendered.push(infrastructure, apps);
  }
  for (const variant of variants) rendered.push(await renderVariant(variant));
  return rendered;
}

/** Each kind that any of them has, as `apps/v1 Deployment`. */
export async function renderedKinds(): Promise<string[]> {
  const objects = (await renderAll()).flatMap(({ objects }) => objects);
  return [...new Set(objects.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`))].sort();
}
