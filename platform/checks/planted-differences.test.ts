import { beforeAll, expect, test } from 'vitest';
import type { Manifest } from '../../scripts/render/manifest.ts';
import { renderEnvironment } from '../../scripts/render/render.ts';
import { change, without } from '../testing/change.ts';
import { differencesOf } from './equal-environments.ts';

const image = (registry: string, digit: string) =>
  `${registry}/darkroom/frontend:1@sha256:${digit.repeat(64)}`;
const IMAGE = 'spec.template.spec.containers[frontend].image';

let staging: Manifest[];
let production: Manifest[];
beforeAll(async () => {
  const render = async (name: 'staging' | 'production') => {
    const { infrastructure, apps } = await renderEnvironment(name);
    const objects = [...infrastructure.objects, ...apps.objects];
    return change(
      objects,
      'Deployment darkroom/frontend',
      IMAGE,
      image(`${name}.example.com`, '1'),
    );
  };
  [staging, production] = [await render('staging'), await render('production')];
});

const differences = (objects: readonly Manifest[]) =>
  differencesOf({ name: 'staging', objects: staging }, { name: 'production', objects });

test('none is found where none is planted, though registries differ', () => {
  expect(differences(production)).toEqual([]);
});

const frontend = 'Deployment darkroom/frontend';
const worker = 'Deployment darkroom/worker-pinhole';
const container = 'spec.template.spec.containers[worker]';

const planted: [what: string, object: string, field: string, value: unknown, found?: string][] = [
  ["an image's digest", frontend, IMAGE, image('production.example.com', '2')],
  [
    'a variable more',
    worker,
    `${container}.env[2]`,
    { name: 'LOG_LEVEL', value: 'debug' },
    `${container}.env[LOG_LEVEL].name`,
  ],
  [
    'another variable',
    worker,
    `${container}.env[WORKER_ID].valueFrom.fieldRef.fieldPath`,
    'metadata.uid',
  ],
  ['a replica bound less', 'ScaledObject darkroom/frontend', 'spec.maxReplicaCount', undefined],
  ['another limit', worker, `${container}.resources.limits.memory`, '2Gi'],
  [
    'a probe less',
    worker,
    `${container}.readinessProbe`,
    undefined,
    `${container}.readinessProbe.httpGet.path`,
  ],
  [
    'another security context',
    worker,
    `${container}.securityContext.readOnlyRootFilesystem`,
    false,
  ],
  [
    'a volume more',
    worker,
    'spec.template.spec.volumes[3]',
    { name: 'host', hostPath: { path: '/' } },
    'spec.template.spec.volumes[host].hostPath.path',
  ],
  [
    'a toleration less',
    worker,
    'spec.template.spec.tolerations',
    undefined,
    'spec.template.spec.tolerations[nvidia.com/gpu].operator',
  ],
  ['another port', 'Service darkroom/frontend', 'spec.ports[http].port', 81],
  ['another setting', 'ConfigMap darkroom/worker', 'data.LOG_LEVEL', 'trace'],
  ['a right more', 'Role darkroom/deletion-cost', 'rules[0].verbs[2]', 'delete'],
  [
    'a way out more',
    'NetworkPolicy darkroom/worker',
    'spec.egress[3]',
    { ports: [{ port: 443 }] },
    'spec.egress[3].ports[0].port',
  ],
  ['another priority', 'PriorityClass darkroom-worker', 'value', 100_001],
  ['another label', worker, 'metadata.labels[app.kubernetes.io/name]', 'workers'],
  [
    'an annotation more',
    frontend,
    'spec.template.metadata.annotations[sidecar.istio.io/inject]',
    'true',
  ],
  ['another disruption budget', 'PodDisruptionBudget darkroom/frontend', 'spec.maxUnavailable', 2],
  ['another quota', 'ResourceQuota darkroom/bounds', 'spec.hard.pods', '201'],
  [
    'another trigger',
    'ScaledObject darkroom/worker-pinhole',
    'spec.triggers[seconds-of-work].metadata.targetValue',
    '11',
  ],
  [
    'a GPU quota less',
    'ResourceQuota darkroom/bounds',
    'spec.hard[requests.nvidia.com/gpu]',
    undefined,
  ],
];

test.each(planted)('%s is found, and its field named', (_, object, field, value, found) => {
  const named = found ?? field.replace(/\[([^\]]*\/[^\]]*)\]/g, '.$1');
  const findings = differences(change(production, object, field, value));
  expect(findings.map((finding) => finding.object)).toEqual(findings.map(() => object));
  expect(findings.map((finding) => finding.field)).toContain(named);
});

test('an object less, and one more, are found', () => {
  const name = 'NetworkPolicy darkroom/default-deny';
  expect(differences(without(production, name))).toMatchObject([
    { object: name, field: 'metadata.name', problem: 'only staging has it' },
  ]);
  const extra = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shell', namespace: 'darkroom' },
  };
  expect(differences([...production, extra])).toMatchObject([
    { object: 'Pod darkroom/shell', field: 'metadata.name', problem: 'only production has it' },
  ]);
});

test('an environment may bind what is told', () => {
  const bound = change(production, 'ScaledObject darkroom/frontend', 'spec.maxReplicaCount', 40);
  expect(differences(bound)).toEqual([]);
  const unbound = 'registry.example.com/darkroom/frontend:unbound';
  expect(differences(change(production, frontend, IMAGE, unbound))).toEqual([]);
});
