import { beforeAll, describe, expect, test } from 'vitest';
import { type Manifest, nameOf } from '../render/manifest.ts';
import { renderEnvironment } from '../render/render.ts';
import { findTool } from '../render/tools.ts';
import { type Wave, wavesOf } from './waves.ts';

describe('the waves of an environment', () => {
  let all: Manifest[];
  let waves: Wave[];
  beforeAll(async () => {
    await findTool('kustomize');
    const { infrastructure, apps } = await renderEnvironment('kind');
    all = [...infrastructure.objects, ...apps.objects];
    waves = wavesOf({ infrastructure: infrastructure.objects, apps: apps.objects });
  }, 300_000);

  test('come in the order of what needs what', () => {
    expect(waves.map(({ name }) => name)).toEqual([
      'foundations',
      'infrastructure',
      'settings',
      'workloads',
    ]);
  });

  test('have every object, each in one', () => {
    const names = waves.flatMap(({ objects }) => objects.map(nameOf));
    expect(names.toSorted()).toEqual(all.map(nameOf).toSorted());
    expect(new Set(names).size).toBe(names.length);
  });

  test.each<[object: string, wave: string]>([
    ['Namespace darkroom', 'foundations'],
    ['CustomResourceDefinition scaledobjects.keda.sh', 'foundations'],
    ['PriorityClass darkroom-worker', 'foundations'],
    ['StatefulSet darkroom-data/rabbitmq', 'infrastructure'],
    ['Deployment keda/keda-operator', 'infrastructure'],
    ['ServiceAccount darkroom/worker', 'settings'],
    ['NetworkPolicy darkroom/worker', 'settings'],
    ['Service darkroom/frontend', 'settings'],
    ['TriggerAuthentication darkroom/rabbitmq-monitor', 'settings'],
    ['Deployment darkroom/worker-pinhole', 'workloads'],
    ['ScaledObject darkroom/worker-pinhole', 'workloads'],
    ['PodDisruptionBudget darkroom/frontend', 'workloads'],
  ])('%s is of the %s', (object, wave) => {
    const found = waves.find(({ objects }) => objects.some((each) => nameOf(each) === object));
    expect(found?.name).toBe(wave);
  });

  test('bring namespaces and kinds before what is in them, or of them', () => {
    const index = (object: Manifest) => waves.findIndex(({ objects }) => objects.includes(object));
    for (const namespace of all.filter(({ kind }) => kind === 'Namespace')) {
      const inside = all.filter(({ metadata }) => metadata.namespace === namespace.metadata.name);
      for (const object of inside) expect(index(object)).toBeGreaterThan(index(namespace));
    }
  });
});

test('a namespace of the apps comes first, too', () => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'more' } };
  const [foundations] = wavesOf({ infrastructure: [], apps: [namespace] });
  expect(foundations?.objects).toEqual([namespace]);
});
