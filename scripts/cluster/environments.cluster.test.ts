import { findGo } from '@darkroom/testing/go/find';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { customResourceDefinitions } from '../generate/kind-definers.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import { renderEnvironment } from '../render/render.ts';
import { type BareCluster, createBareCluster } from './testing/bare-cluster.ts';
import { inTimeAfter } from './testing/cluster-under-test.ts';
import { listOf } from './testing/layers.ts';

// They share kind's names of everything, so each is applied to a control plane of its own; both at once, for
// most of it is waiting.
describe.concurrent.each(['staging', 'production'] as const)('%s', (environment) => {
  let bare: BareCluster;
  let layers: Manifest[][];

  beforeAll(async () => {
    const { infrastructure, apps } = await renderEnvironment(environment);
    layers = [infrastructure.objects, apps.objects];
    bare = await createBareCluster(environment);
    const go = await findGo({
      name: "definitions of the operators' kinds",
      otherwise: 'run the other tests of the cluster by their names',
      say: console.error,
    });
    const first = [
      ...customResourceDefinitions(go),
      ...layers.flat().filter(({ kind }) => kind === 'Namespace' || kind === 'PriorityClass'),
    ];
    await bare.kubectl.apply(listOf(first));
    const established = ['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all'];
    await bare.kubectl.run(established);
  });

  afterAll(() => bare?.remove());

  /** Each object as the API server holds it, without what controllers tell of it. */
  async function held(manifest: string): Promise<Map<string, unknown>> {
    const found = await bare.kubectl.get<{ items: (Manifest & { status?: unknown })[] }>(
      ['--filename', '-', '--show-managed-fields'],
      { input: manifest },
    );
    const objects = found?.items.map(({ status, ...object }) => object as Manifest) ?? [];
    return new Map(
      objects.map((object) => [`${object.apiVersion} ${nameOf(object)}`, settled(object)]),
    );
  }

  test('every object is admitted, and again changes nothing', async () => {
    for (const objects of layers) {
      const answer = await bare.kubectl.apply(listOf(objects));
      expect(answer.trim().split('\n')).toHaveLength(objects.length);
    }
    // A controller writes into the volume of this claim what it was bound to.
    await bare.kubectl.run([
      ...['--namespace', 'darkroom', 'wait', '--for=jsonpath={.status.phase}=Bound'],
      ...['--timeout=60s', 'persistentvolumeclaim/model-cache'],
    ]);
    for (const objects of layers) {
      const list = listOf(objects);
      // A controller may write a status between the two looks of a diff.
      await inTimeAfter(async () => expect(await bare.kubectl.diff(list)).toBe(''));
      const before = await held(list);
      expect(before.size).toBe(objects.length);
      await bare.kubectl.apply(list);
      expect(await held(list)).toEqual(before);
    }
  });
});

/** Without what changes with every word of a controller: the version and who wrote the status. */
function settled({ metadata, ...rest }: Manifest): unknown {
  const { resourceVersion, managedFields, ...kept } = metadata as Manifest['metadata'] & {
    resourceVersion?: string;
    managedFields?: { manager: string; subresource?: string; time?: string }[];
  };
  const ours = managedFields?.filter(({ manager }) => manager === 'darkroom');
  return { ...rest, metadata: { ...kept, managedFields: ours } };
}
