import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { platformPath } from '../../render/render.ts';

/** A layer of an environment, as far as tests edit it. */
export type Kustomization = {
  components: string[];
  patches: { target: Record<string, string>; patch: string }[];
  [field: string]: unknown;
};

/**
 * Writes an environment of a cluster on this machine: as platform/environments/kind, with the images of a
 * release by their digests.
 *
 * @param target what stands in its target.yaml
 * @param options.maxWorkers what it binds otherwise than the others
 */
export async function writeEnvironment(
  folder: string,
  name: string,
  target: Record<string, unknown>,
  { maxWorkers }: { maxWorkers: number },
): Promise<void> {
  await cp(platformPath('environments/kind'), join(folder, name), { recursive: true });
  for (const layer of ['infrastructure', 'apps']) {
    await editLayer(folder, name, layer, ({ components, patches, ...rest }) => ({
      ...rest,
      components: [
        ...components.filter((each) => each !== '../images'),
        '../../../images',
        '../images',
      ],
      patches: patches.map(({ target: of, patch }) => ({
        target: of,
        patch:
          of['labelSelector'] === undefined
            ? patch
            : patch.replace(/value: \d+/, `value: ${maxWorkers}`),
      })),
    }));
  }
  await writeFile(join(folder, name, 'target.yaml'), stringify(target));
}

/** Changes a layer of an environment. */
export async function editLayer(
  folder: string,
  name: string,
  layer: string,
  edit: (layer: Kustomization) => Kustomization,
): Promise<void> {
  const file = join(folder, name, layer, 'kustomization.yaml');
  await writeFile(file, stringify(edit(parse(await readFile(file, 'utf8')))));
}

/** Changes what an environment says of its cluster. */
export async function editTarget(
  folder: string,
  name: string,
  changed: Record<string, unknown>,
): Promise<void> {
  const file = join(folder, name, 'target.yaml');
  await writeFile(file, stringify({ ...parse(await readFile(file, 'utf8')), ...changed }));
}

/** A copy of all environments, for a test that edits them. */
export async function copyEnvironments(folder: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'darkroom-environments-'));
  await cp(folder, copy, { recursive: true });
  return copy;
}
