import { expect, test } from 'vitest';
import type { Manifest } from '../render/manifest.ts';
import { imageCopies } from './images.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const workload = (kind: string, name: string, pod: object): Manifest => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'darkroom' },
  spec: { template: { spec: pod } },
});
const deployment = (...images: string[]) =>
  workload('Deployment', 'a', {
    containers: images.map((image, index) => ({ name: String(index), image })),
  });
const place = (objects: Manifest[], registries: Record<string, string> = {}) => ({
  target: { registries },
  objects,
});

test('an image is known by its digest: each is copied once, without its tag', () => {
  const one = `staging.example.com/darkroom/frontend:0.1@${digest('1')}`;
  const other = `example.com:5000/images/frontend@${digest('1')}`;
  expect(imageCopies(place([deployment(one, one)]), place([deployment(other)]))).toEqual([
    {
      digest: digest('1'),
      from: 'staging.example.com/darkroom/frontend',
      to: 'example.com:5000/images/frontend',
    },
  ]);
});

test("nodes' names of registries become this machine's, in each environment its own", () => {
  const image = `localhost:5001/darkroom/worker:1@${digest('1')}`;
  const copies = imageCopies(
    place([deployment(image)], { 'localhost:5001': 'one.example.com' }),
    place([deployment(image)], { 'localhost:5001': 'other.example.com:443' }),
  );
  expect(copies).toMatchObject([
    { from: 'one.example.com/darkroom/worker', to: 'other.example.com:443/darkroom/worker' },
  ]);
});

test('what both environments have from the same registry has one place', () => {
  const postgres = deployment(`docker.io/library/postgres:17@${digest('2')}`);
  expect(imageCopies(place([postgres]), place([postgres]))).toEqual([
    { digest: digest('2'), from: 'docker.io/library/postgres', to: 'docker.io/library/postgres' },
  ]);
});

test('a release that enters, and an image that the source has not, are where they were published', () => {
  const objects = [deployment(`example.com/a@${digest('1')}`)];
  const copy = { digest: digest('1'), from: 'example.com/a', to: 'example.com/a' };
  expect(imageCopies(undefined, place(objects))).toEqual([copy]);
  expect(
    imageCopies(place([deployment(`x.example.com/b@${digest('2')}`)]), place(objects)),
  ).toEqual([copy]);
});

test('images of first containers, of every kind of workload, and of volumes are among them', () => {
  const image = (digit: string) => `example.com/${digit}@${digest(digit)}`;
  const containers = [{ name: 'a', image: image('1') }];
  const cron: Manifest = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c' },
    spec: {
      jobTemplate: {
        spec: { template: { spec: { containers: [{ name: 'a', image: image('5') }] } } },
      },
    },
  };
  const objects = [
    workload('StatefulSet', 'a', {
      initContainers: [{ name: 'b', image: image('2') }],
      containers,
      volumes: [
        { name: 'model', image: { reference: image('3') } },
        { name: 'tmp', emptyDir: {} },
      ],
    }),
    workload('DaemonSet', 'b', { containers: [{ name: 'a', image: image('4') }] }),
    cron,
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } },
  ];
  const found = imageCopies(undefined, place(objects)).map(({ to }) => to);
  expect(found.toSorted()).toEqual(['1', '2', '3', '4', '5'].map((each) => `example.com/${each}`));
});
