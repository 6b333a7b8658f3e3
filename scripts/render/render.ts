import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { EnvironmentName, Layer } from './environments.ts';
import { type Manifest, parseManifests } from './manifest.ts';
import { findTool } from './tools.ts';

const run = promisify(execFile);

export type Rendered = { text: string; objects: Manifest[] };

/** A file or folder of platform/. */
export const platformPath = (path: string): string =>
  fileURLToPath(new URL(`../../platform/${path}`, import.meta.url));

/**
 * What kustomize makes of a folder.
 *
 * @throws Error with kustomize's own words, which name the file and the field
 */
export async function renderFolder(
  folder: string,
  say?: (line: string) => void,
): Promise<Rendered> {
  const kustomize = await findTool('kustomize', say);
  const { stdout: text } = await run(kustomize, ['build', folder], { maxBuffer: 64 * 2 ** 20 });
  return { text, objects: parseManifests(text) };
}

/** Both layers of an environment, in the order in which they are applied. */
export async function renderEnvironment(
  environment: EnvironmentName,
  say?: (line: string) => void,
): Promise<Record<Layer, Rendered>> {
  const folder = (layer: Layer) => platformPath(`environments/${environment}/${layer}`);
  const infrastructure = await renderFolder(folder('infrastructure'), say);
  return { infrastructure, apps: await renderFolder(folder('apps'), say) };
}
