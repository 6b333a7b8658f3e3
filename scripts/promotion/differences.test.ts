import { expect, test } from 'vitest';
import { type Manifest, nameOf } from '../render/manifest.ts';
import { driftOf, fieldDifferences, tellDifference } from './differences.ts';
import type { Live } from './live.ts';

const deployment = (changed: object = {}): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'frontend', namespace: 'darkroom' },
  spec: {
    template: {
      spec: {
        containers: [
          {
            name: 'frontend',
            image: 'frontend@sha256:1',
            env: [{ name: 'PORT', value: '8080' }],
            ...changed,
          },
        ],
      },
    },
  },
});
const service: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'frontend', namespace: 'darkroom' },
};
const applied = [deployment(), service];
const live = (objects: Manifest[], extra: Manifest[] = []): Live => ({
  objects: new Map(objects.map((object) => [nameOf(object), object])),
  extra,
});
const container = 'spec.template.spec.containers[frontend]';

test('a cluster that holds what was applied has no drift', () => {
  expect(driftOf(applied, live([service, deployment()]))).toEqual([]);
});

test('a changed field is told with what it was and is', () => {
  const found = driftOf(applied, live([deployment({ image: 'frontend@sha256:2' }), service]));
  expect(found.map(tellDifference)).toEqual([
    `Deployment darkroom/frontend: ${container}.image was "frontend@sha256:1", is "frontend@sha256:2"`,
  ]);
});

test('a field more, and one less, are told by their places', () => {
  const more = [
    { name: 'DEBUG', value: '1' },
    { name: 'PORT', value: '8080' },
  ];
  expect(driftOf(applied, live([deployment({ env: more }), service])).map(tellDifference)).toEqual([
    `Deployment darkroom/frontend: ${container}.env[DEBUG].name was nothing, is "DEBUG"`,
    `Deployment darkroom/frontend: ${container}.env[DEBUG].value was nothing, is "1"`,
  ]);
  const less = fieldDifferences(deployment(), deployment({ env: undefined }));
  expect(less.map(({ field, is }) => [field, is])).toContainEqual([
    `${container}.env[PORT].value`,
    undefined,
  ]);
});

test('null, an empty list and nothing are three things', () => {
  const values = [null, [], undefined].map((args) =>
    deployment({ ...(args !== undefined && { args }) }),
  );
  for (const one of values) {
    for (const other of values) {
      expect(fieldDifferences(one, other).length > 0).toBe(one !== other);
    }
  }
});

test('an object that is gone, and one that was added, are told by their names', () => {
  const shell = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shell', namespace: 'darkroom' },
  };
  const found = driftOf(applied, live([deployment()], [shell]));
  expect(found.map(tellDifference)).toEqual([
    'Service darkroom/frontend: metadata.name was "frontend", is nothing',
    'Pod darkroom/shell: metadata.name was nothing, is "shell"',
  ]);
});
