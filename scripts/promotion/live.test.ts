import { describe, expect, test } from 'vitest';
import type { Manifest } from '../render/manifest.ts';
import { plain } from './live.ts';

/** An object as it was applied, and as a cluster holds it. */
const held = (
  rendered: Manifest,
  by: { metadata?: object; spec?: object; [field: string]: unknown },
) => {
  const { metadata, spec, ...rest } = by;
  const live = {
    ...rendered,
    ...rest,
    metadata: { ...rendered.metadata, ...metadata },
    ...((rendered['spec'] || spec) && { spec: { ...(rendered['spec'] as object), ...spec } }),
  } as Manifest;
  return plain(live, rendered);
};

const object = (kind: string, spec?: object): Manifest => ({
  apiVersion: 'v1',
  kind,
  metadata: {
    name: 'a',
    namespace: 'darkroom',
    labels: { 'app.kubernetes.io/name': 'a' },
    annotations: { 'darkroom.dev/credentials': 'sha256:1' },
  },
  ...(spec && { spec }),
});
const deployment = object('Deployment', {
  template: {
    metadata: { labels: { a: 'b' }, annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } },
    spec: { containers: [{ name: 'a', env: [{ name: 'PORT', value: '8080' }] }] },
  },
});

test('what names this cluster and its moment is left out', () => {
  const seen = held(deployment, {
    metadata: {
      uid: '1',
      resourceVersion: '2',
      generation: 3,
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [{ manager: 'darkroom' }],
      finalizers: ['x'],
      ownerReferences: [],
    },
    status: { replicas: 1 },
  });
  expect(seen).toEqual(deployment);
});

test('labels, annotations, variables, and what restarts pods are kept', () => {
  const seen = held(deployment, {
    metadata: { labels: { ...deployment.metadata.labels, extra: '1' } },
    spec: { paused: true },
  });
  expect(seen.metadata.labels).toEqual({ 'app.kubernetes.io/name': 'a', extra: '1' });
  expect(seen.metadata.annotations).toEqual(deployment.metadata.annotations);
  expect(seen['spec']).toEqual({ ...(deployment['spec'] as object), paused: true });
});

test.each([
  'deployment.kubernetes.io/revision',
  'deprecated.daemonset.template.generation',
  'pv.kubernetes.io/bind-completed',
  'pv.kubernetes.io/bound-by-controller',
  'volume.beta.kubernetes.io/storage-provisioner',
  'volume.kubernetes.io/selected-node',
  'kubectl.kubernetes.io/last-applied-configuration',
])("a controller's annotation %s is left out", (key) => {
  const annotations = { ...deployment.metadata.annotations, [key]: '1' };
  expect(held(deployment, { metadata: { annotations } })).toEqual(deployment);
});

test('of an object that has only what controllers wrote, no empty labels or annotations are left', () => {
  const bare = { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', metadata: { name: 'a' } };
  const labels = { 'scaledobject.keda.sh/name': 'a' };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  expect(held(bare, { metadata: { labels, annotations } })).toEqual(bare);
});

describe('replicas', () => {
  test('are left out where an autoscaler owns them', () => {
    expect(held(deployment, { spec: { replicas: 7 } })).toEqual(deployment);
  });

  test.each(['Deployment', 'StatefulSet'])('are kept where a %s sets them', (kind) => {
    const rendered = object(kind, { replicas: 2, volumeClaimTemplates: [] });
    expect(held(rendered, { spec: { replicas: 7 } })['spec']).toMatchObject({ replicas: 7 });
  });
});

describe('what a controller fills in is left out', () => {
  test.each<[kind: string, rendered: object, filled: object]>([
    [
      'Service',
      { ports: [{ port: 80 }], type: 'LoadBalancer' },
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], healthCheckNodePort: 30_000 },
    ],
    ['Namespace', { more: 1 }, { finalizers: ['kubernetes'] }],
    ['PersistentVolumeClaim', { accessModes: [] }, { volumeName: 'pvc-1' }],
    ['PersistentVolume', { capacity: {} }, { claimRef: { name: 'a', uid: '1' } }],
    ['APIService', { group: 'metrics.k8s.io' }, { caBundle: 'Y2E=' }],
  ])('of a %s', (kind, spec, filled) => {
    const rendered = object(kind, spec);
    expect(held(rendered, { spec: filled })).toEqual(rendered);
  });

  test.each(['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'])(
    'of a %s',
    (kind) => {
      const webhook = {
        name: 'x',
        failurePolicy: 'Ignore',
        clientConfig: { service: { name: 'y' } },
      };
      const rendered = { ...object(kind), webhooks: [webhook] };
      const clientConfig = { ...webhook.clientConfig, caBundle: 'Y2E=' };
      const seen = held(rendered, { webhooks: [{ ...webhook, clientConfig }] });
      expect(seen['webhooks']).toEqual([webhook]);
    },
  );

  test("of a StatefulSet's claims", () => {
    const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } };
    const rendered = object('StatefulSet', { replicas: 1, volumeClaimTemplates: [claim] });
    const volumeClaimTemplates = [{ ...claim, status: { phase: 'Pending' } }];
    expect(held(rendered, { spec: { volumeClaimTemplates } })).toEqual(rendered);
  });
});

test('a volume that a claim names is kept', () => {
  const rendered = object('PersistentVolumeClaim', { volumeName: 'cache' });
  expect(held(rendered, { spec: { volumeName: 'other' } })['spec']).toEqual({
    volumeName: 'other',
  });
});

test('the values of settings are kept', () => {
  const rendered = { ...object('ConfigMap'), data: { A: '1' } };
  expect(held(rendered, { data: { A: '2' } })['data']).toEqual({ A: '2' });
});
