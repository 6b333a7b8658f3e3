import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exec } from '../cluster/exec.ts';
import { repository } from '../repository.ts';
import { npmPackages } from './npm-packages.ts';
import { sbomOf } from './sbom.ts';

type Bom = {
  components: { type: string; name: string; purl?: string; scope?: string; hashes?: object[] }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
};

const digest = `sha256:${'ab'.repeat(32)}`;
const bomOf = (packages: object) =>
  sbomOf({
    release: '0.1.0-7fb62af0a1b2',
    images: { 'darkroom/worker': { digest }, 'docker.io/library/postgres': { tag: '17', digest } },
    models: { pinhole: digest },
    packageLock: JSON.stringify({ packages }),
  }) as Bom;

test('it tells each image and model by its digest', () => {
  const { components, dependencies } = bomOf({});
  const hashes = [{ alg: 'SHA-256', content: 'ab'.repeat(32) }];
  const worker = `pkg:oci/worker@sha256:${'ab'.repeat(32)}`;
  const postgres = `pkg:oci/postgres@sha256:${'ab'.repeat(32)}?repository_url=docker.io/library/postgres&tag=17`;
  expect(components).toMatchObject([
    { type: 'container', name: 'darkroom/worker', purl: worker, hashes },
    { type: 'container', name: 'docker.io/library/postgres', purl: postgres, hashes },
    { type: 'machine-learning-model', name: 'pinhole', version: digest },
  ]);
  expect(dependencies[0]).toEqual({
    ref: 'darkroom:0.1.0-7fb62af0a1b2',
    dependsOn: [worker, postgres, 'model:pinhole'],
  });
});

test('it tells each package once, with what it needs from where Node would find it', () => {
  const { components, dependencies } = bomOf({
    '': { dependencies: { '@a/room': '1' }, devDependencies: { b: '2' } },
    'node_modules/@a/room': { resolved: 'services/room', link: true },
    'services/room': {
      name: '@a/room',
      version: '1.0.0',
      license: 'MIT',
      dependencies: { b: '1' },
    },
    'services/room/node_modules/b': { version: '1.0.0', integrity: 'sha512-q6s=' },
    'node_modules/b': { version: '2.0.0', dev: true, dependencies: { c: '1' } },
    'node_modules/c': { version: '1.0.0', dev: true, license: '(MIT OR CC0-1.0)' },
    'services/room/node_modules/c': { version: '1.0.0', license: '(MIT OR CC0-1.0)' },
  });
  const libraries = components.filter(({ type }) => type === 'library');
  expect(libraries).toMatchObject([
    { purl: 'pkg:npm/%40a/room@1.0.0', scope: 'required', licenses: [{ expression: 'MIT' }] },
    { purl: 'pkg:npm/b@1.0.0', hashes: [{ alg: 'SHA-512', content: 'abab' }] },
    { purl: 'pkg:npm/b@2.0.0', scope: 'excluded' },
    { purl: 'pkg:npm/c@1.0.0', scope: 'required', licenses: [{ expression: '(MIT OR CC0-1.0)' }] },
  ]);
  expect(dependencies.filter(({ ref }) => ref.startsWith('pkg:npm/'))).toEqual([
    { ref: 'pkg:npm/%40a/room@1.0.0', dependsOn: ['pkg:npm/b@1.0.0'] },
    { ref: 'pkg:npm/b@1.0.0' },
    { ref: 'pkg:npm/b@2.0.0', dependsOn: ['pkg:npm/c@1.0.0'] },
    { ref: 'pkg:npm/c@1.0.0' },
  ]);
});

test('it has the packages of this repository that npm tells, and the same checksums', async () => {
  const told = JSON.parse(
    await exec('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], {
      cwd: repository,
    }),
  ) as Bom;
  const { packages } = npmPackages(readFileSync(join(repository, 'package-lock.json'), 'utf8'));
  const sums = (all: { purl?: string; hashes?: object[] }[]) =>
    Object.fromEntries(all.map(({ purl = '', hashes = [] }) => [purl, hashes]));
  expect(sums(packages)).toEqual(sums(told.components));
});
