import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Layer, layers } from '../render/environments.ts';
import type { Rendered } from '../render/render.ts';
import { type ReleaseLock, writeDocument } from './lock.ts';
import { sha256 } from './manifest-files.ts';

/**
 * Writes what a release is in an environment as plain manifests, for whoever applies folders. Each layer is a
 * folder of its own, because the second needs the first; the folder itself has both. The same release and
 * environment give the same bytes; files of an earlier release are written over.
 *
 * @param of the release, named in the folder for people
 */
export async function writeRendered(
  folder: string,
  rendered: Record<Layer, Rendered>,
  of: { lock: ReleaseLock; environment: string },
): Promise<void> {
  const { lock, environment } = of;
  const about = [
    '# Written by `darkroom release render`; an edit is lost.',
    `# release: ${lock.release}, environment: ${environment}`,
    `# SHA-256 of its lock: ${sha256(writeDocument(lock))}`,
  ].join('\n');
  const kustomization = (resources: readonly string[]) =>
    `${about}\n${stringify({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources })}`;
  for (const layer of layers) {
    await mkdir(join(folder, layer), { recursive: true });
    await writeFile(join(folder, layer, MANIFESTS), rendered[layer].text);
    await writeFile(join(folder, layer, KUSTOMIZATION), kustomization([MANIFESTS]));
  }
  await writeFile(join(folder, KUSTOMIZATION), kustomization(layers));
}

const KUSTOMIZATION = 'kustomization.yaml';
const MANIFESTS = 'manifests.yaml';
