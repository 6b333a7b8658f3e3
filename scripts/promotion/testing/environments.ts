import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { platformPath } from '../../render/render.ts';

type Kustomization = { components: string[]; patches: { target: object; patch: string }[] };

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
  const environment = join(folder, name);
  await cp(platformPath('environments/kind'), environment, { recursive: true });
  for (const layer of ['infrastructure', 'apps']) {
    const file = join(environment, layer, 'kustomization.yaml');
    const content = parse(await readFile(file, 'utf8')) as Kustomization;
    const components = [
      ...content.components.filter((each) => each !== '../images'),
      '../../../images',
      '../images',
    ];
    const patches = content.patches.map(({ target: of, patch }) => ({
      target: of,
      patch: JSON.stringify(of).includes('labelSelector')
        ? patch.replace(/value: \d+/, `value: ${maxWorkers}`)
        : patch,
    }));
    await writeFile(file, stringify({ ...content, components, patches }));
  }
  await writeTarget(folder, name, target);
}

export const writeTarget = (folder: string, name: string, target: Record<string, unknown>) =>
  writeFile(join(folder, name, 'target.yaml'), stringify(target));
