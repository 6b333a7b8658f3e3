import { describe, expect, test } from 'vitest';
import type { Manifest } from '../render/manifest.ts';
import { modelStoreOf, placeOf } from './model-store.ts';
import { modelCopies, unboundWorkers } from './models.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

/** What an environment's release is rendered to, as far as it tells of the object store. */
const endpoints = (data: Record<string, string>): Manifest[] => [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'endpoints', namespace: 'other' } },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'endpoints-4k8tg2h9bf', namespace: 'darkroom' },
    data,
  },
];
const target = (name: string, objectStore: { endpoint?: string; secret?: string } = {}) => ({
  name,
  cluster: { context: `cluster-of-${name}`, id: '0b3f5b5e-6f0c-4b8e-9d4e-2f6f0c9f7a11' },
  objectStore: { secret: 'worker-credentials', ...objectStore },
});
const managed = (bucket: string) =>
  endpoints({
    S3_ENDPOINT: 'https://s3.eu-central-1.amazonaws.com',
    S3_BUCKET: bucket,
    AWS_REGION: 'eu-central-1',
  });
const inCluster = endpoints({
  S3_ENDPOINT: 'http://object-store.darkroom-data.svc.cluster.local:7070',
  S3_BUCKET: 'darkroom',
});

test('the store is the one that the workers are told of', () => {
  expect(modelStoreOf(target('staging'), managed('staging-example'))).toEqual({
    environment: 'staging',
    endpoint: 'https://s3.eu-central-1.amazonaws.com',
    bucket: 'staging-example',
    region: 'eu-central-1',
    secret: 'worker-credentials',
  });
});

test('a Service of the cluster is known by its name, with its port', () => {
  expect(modelStoreOf(target('staging'), inCluster)).toMatchObject({
    region: 'us-east-1',
    service: {
      context: 'cluster-of-staging',
      namespace: 'darkroom-data',
      name: 'object-store',
      port: 7070,
    },
  });
  const short = endpoints({ S3_ENDPOINT: 'http://store.data.svc', S3_BUCKET: 'darkroom' });
  expect(modelStoreOf(target('staging'), short)).toMatchObject({
    service: { namespace: 'data', name: 'store', port: 80 },
  });
});

test('target.yaml names another address and another Secret', () => {
  const said = { endpoint: 'https://store.example.com:9000/', secret: 'models' };
  expect(modelStoreOf(target('staging', said), inCluster)).toEqual({
    environment: 'staging',
    endpoint: 'https://store.example.com:9000',
    bucket: 'darkroom',
    region: 'us-east-1',
    secret: 'models',
  });
});

test.each([
  ['no ConfigMap', []],
  ['no bucket', endpoints({ S3_ENDPOINT: 'http://store:7070' })],
])('%s is told with where it is set', (_, objects) => {
  expect(() => modelStoreOf(target('staging'), objects)).toThrow(
    'staging tells its workers no object store: set S3_ENDPOINT and S3_BUCKET in its ConfigMap darkroom/endpoints',
  );
});

test('each model of the store is copied by its digest, and what comes with Darkroom is not', () => {
  const source = modelStoreOf(target('staging'), managed('staging-example'));
  const to = modelStoreOf(target('production'), managed('production-example'));
  const models = { pinhole: digest('1'), sdxl: digest('2') };
  expect(modelCopies(models, source, to)).toEqual([
    {
      name: 'sdxl',
      digest: digest('2'),
      from: 's3://staging-example/models/sdxl at https://s3.eu-central-1.amazonaws.com',
      to: 's3://production-example/models/sdxl at https://s3.eu-central-1.amazonaws.com',
    },
  ]);
  expect(modelCopies({ pinhole: digest('1') }, source, to)).toEqual([]);
});

test('one bucket is one place, and where a release enters there is no other', () => {
  const shared = managed('shared-example');
  const to = modelStoreOf(target('production'), shared);
  const place = placeOf(to, 'sdxl');
  for (const source of [modelStoreOf(target('staging'), shared), undefined]) {
    expect(modelCopies({ sdxl: digest('2') }, source, to)).toMatchObject([
      { from: place, to: place },
    ]);
  }
});

test('Services of one name in two clusters are two places', () => {
  const [copy] = modelCopies(
    { sdxl: digest('2') },
    modelStoreOf(target('staging'), inCluster),
    modelStoreOf(target('production'), inCluster),
  );
  const place = 's3://darkroom/models/sdxl at http://object-store.darkroom-data.svc.cluster.local';
  expect(copy).toMatchObject({
    from: `${place}:7070 of cluster-of-staging`,
    to: `${place}:7070 of cluster-of-production`,
  });
});

describe('workers of a rendered release', () => {
  const worker = (model: string, bound?: string): Manifest => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `worker-${model}`, namespace: 'darkroom' },
    spec: {
      template: {
        metadata: {
          labels: { 'darkroom.dev/model': model },
          ...(bound !== undefined && { annotations: { 'darkroom.dev/model-digest': bound } }),
        },
        spec: { containers: [] },
      },
    },
  });
  const models = { sdxl: digest('1') };

  test('that name the version of the lock are right', () => {
    expect(unboundWorkers([worker('sdxl', digest('1'))], models)).toEqual([]);
  });

  test.each([
    ['another version', worker('sdxl', digest('2')), `is ${digest('2')}, and the release has`],
    ['what was pushed last', worker('sdxl', 'latest'), 'is latest, and the release has sha256:1'],
    ['none', worker('sdxl'), 'is missing, and the release has sha256:1'],
    ['a model that the release has not', worker('other', 'latest'), 'has no such model'],
  ])('that name %s are refused', (_, object, problem) => {
    expect(unboundWorkers([object], models)).toMatchObject([
      {
        check: 'models',
        object: `Deployment darkroom/${object.metadata.name}`,
        problem: expect.stringContaining(problem),
      },
    ]);
  });
});
