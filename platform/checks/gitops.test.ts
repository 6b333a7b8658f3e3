import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Layer, layers } from '../../scripts/render/environments.ts';
import { type Manifest, parseManifests } from '../../scripts/render/manifest.ts';
import { type Rendered, renderEnvironment, renderFolder } from '../../scripts/render/render.ts';
import { repository } from '../../scripts/repository.ts';
import { checkSchemas } from './schemas.ts';

type Patches = { target: object; patch: string }[];
/** What is read here of Argo CD's Application and of Flux's Kustomization. */
type Applier = Manifest & {
  spec: {
    path?: string;
    source?: { path: string; kustomize?: { patches: Patches } };
    patches?: Patches;
    sourceRef?: { kind: string; name: string };
    dependsOn?: { name: string }[];
  };
};

const examples = async (page: string): Promise<string> =>
  [...(await readFile(join(repository, page), 'utf8')).matchAll(/^```yaml\n(.*?)^```/gms)]
    .map(([, block]) => block)
    .join('---\n');

const appliersOf = async (apiVersion: string) =>
  (parseManifests(await examples('docs/gitops.md')) as Applier[]).filter(
    (object) => object.apiVersion === apiVersion,
  );

let folder: string;
let rendered: Record<Layer, Rendered>;
beforeAll(async () => {
  rendered = await renderEnvironment('production');
  folder = await mkdtemp(join(tmpdir(), 'darkroom-gitops-'));
  for (const layer of layers) await writeFile(join(folder, `${layer}.yaml`), rendered[layer].text);
});
afterAll(() => rm(folder, { recursive: true }));

test.each(['docs/gitops.md', 'docs/promotion.md'])(
  'the objects in %s have only fields that their definitions have',
  async (page) => {
    const text = await examples(page);
    const objects = parseManifests(text).filter(({ apiVersion }) => apiVersion !== undefined);
    expect(objects.length).toBeGreaterThan(2);
    expect(await checkSchemas(objects.map((object) => stringify(object)).join('---\n'))).toEqual(
      [],
    );
  },
);

test('a field that Argo CD or Flux does not have is told', async () => {
  const text = await examples('docs/gitops.md');
  const faults = text
    .replace('selfHeal: true', 'selfHeals: true')
    .replace('wait: true', 'waits: true');
  const told = await checkSchemas(faults);
  expect(told.join('\n')).toMatch(/Application darkroom-infrastructure: statusInvalid.*selfHeals/);
  expect(told.join('\n')).toMatch(/Kustomization darkroom-infrastructure: statusInvalid.*waits/);
});

/** An object without its annotations, and one of them. */
const apart = ({ metadata: { annotations, ...metadata }, ...object }: Manifest, key: string) => {
  const { [key]: mark, ...others } = annotations ?? {};
  return { object: { ...object, metadata, annotations: others }, mark };
};

const kept = ['Namespace', 'CustomResourceDefinition', 'PersistentVolume', 'PersistentVolumeClaim'];

describe.each([
  ['argoproj.io/v1alpha1', 'argocd.argoproj.io/sync-options', 'Prune=confirm'],
  ['kustomize.toolkit.fluxcd.io/v1', 'kustomize.toolkit.fluxcd.io/prune', 'disabled'],
])('what %s applies', (apiVersion, annotation, value) => {
  test('is each layer of the folder, in order', async () => {
    const paths = (await appliersOf(apiVersion)).map(({ spec }) => spec.path ?? spec.source?.path);
    expect(paths.map((path) => path?.replace(/^(\.\/)?clusters\/eu-west\//, ''))).toEqual(layers);
  });

  test.each(layers)(
    'is the layer %s, with a mark on what must not be pruned and no other change',
    async (layer) => {
      const applier = (await appliersOf(apiVersion)).find(({ metadata }) =>
        metadata.name.endsWith(layer),
      );
      const patches = applier?.spec.patches ?? applier?.spec.source?.kustomize?.patches;
      const kustomization = stringify({
        resources: [`${layer}.yaml`],
        ...(patches && { patches }),
      });
      await writeFile(join(folder, 'kustomization.yaml'), kustomization);
      const { objects } = await renderFolder(folder);
      const [was, is] = [rendered[layer].objects, objects].map((all) =>
        all.map((object) => apart(object, annotation)),
      );
      expect(is?.map(({ object }) => object)).toEqual(was?.map(({ object }) => object));
      for (const { object, mark } of is ?? []) {
        expect(mark).toBe(kept.includes(object.kind) ? value : undefined);
      }
    },
  );
});

test('what Flux objects name is there', async () => {
  const objects = parseManifests(await examples('docs/gitops.md')) as Applier[];
  const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  for (const { spec } of objects) {
    if (spec.sourceRef) expect(names).toContain(`${spec.sourceRef.kind} ${spec.sourceRef.name}`);
    for (const { name } of spec.dependsOn ?? []) expect(names).toContain(`Kustomization ${name}`);
  }
});
