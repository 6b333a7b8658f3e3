import { glob, readFile } from 'node:fs/promises';
import { pinhole } from '@darkroom/pinhole';
import { beforeAll, describe, expect, test } from 'vitest';
import { type EnvironmentName, environmentNames } from '../../scripts/render/environments.ts';
import type { Manifest } from '../../scripts/render/manifest.ts';
import { platformPath, renderEnvironment } from '../../scripts/render/render.ts';
import { change } from '../testing/change.ts';
import { checkEnvironment } from './check-environment.ts';
import { checkEnvironmentWords } from './environment-words.ts';
import { differencesOf } from './equal-environments.ts';
import { tell } from './finding.ts';
import { checkImageLock } from './images.ts';
import { checkSchemas } from './schemas.ts';
import { checkScores } from './scores.ts';
import { renderVariant, variants } from './variants.ts';

const texts = {} as Record<EnvironmentName, string>;
const objects = {} as Record<EnvironmentName, Manifest[]>;

beforeAll(async () => {
  for (const name of environmentNames) {
    const { infrastructure, apps } = await renderEnvironment(name);
    texts[name] = `${infrastructure.text}---\n${apps.text}`;
    objects[name] = [...infrastructure.objects, ...apps.objects];
  }
});

describe.each(environmentNames)('%s', (name) => {
  test('has no fault that can be known before it is applied', () => {
    expect(checkEnvironment(name, objects[name]).map(tell)).toEqual([]);
  });

  test("has only fields that Kubernetes and the operators' definitions know", async () => {
    expect(await checkSchemas(texts[name])).toEqual([]);
  });

  test('is well made in the eyes of kube-score, but for what we say otherwise', async () => {
    expect((await checkScores(texts[name])).map(tell)).toEqual([]);
  });
});

test.each(variants)('$layer with $components has only fields that are known', async (variant) => {
  expect(await checkSchemas((await renderVariant(variant)).text)).toEqual([]);
});

test('every component is part of an environment or of a variant', async () => {
  const used = new Set(variants.flatMap(({ components }) => components));
  for await (const file of glob('environments/*/*/kustomization.yaml', {
    cwd: platformPath('.'),
  })) {
    const text = await readFile(platformPath(file), 'utf8');
    for (const [, name] of text.matchAll(/components\/(\S+)/g)) used.add(name ?? '');
  }
  const unused: string[] = [];
  for await (const file of glob('components/**/kustomization.yaml', { cwd: platformPath('.') })) {
    const name = file.replace(/^components\//, '').replace(/\/kustomization\.yaml$/, '');
    if (!used.has(name)) unused.push(name);
  }
  expect(unused).toEqual([]);
});

describe('environments are equal but for what they may bind', () => {
  const pairs: [EnvironmentName, EnvironmentName][] = [
    ['kind', 'staging'],
    ['staging', 'production'],
  ];

  test.each(pairs)('%s and %s', (one, other) => {
    const found = differencesOf(
      { name: one, objects: objects[one] },
      { name: other, objects: objects[other] },
    );
    expect(found.map(tell)).toEqual([]);
  });

  const differences: [string, [string, string, unknown], RegExp][] = [
    [
      'one byte of a value',
      [
        'Deployment darkroom/frontend',
        'spec.template.spec.containers[frontend].livenessProbe.periodSeconds',
        11,
      ],
      /Deployment darkroom\/frontend, .*livenessProbe\.periodSeconds: staging says 10, production 11; say the same/,
    ],
    [
      'one byte of a setting',
      ['ConfigMap darkroom/frontend', 'data.SHUTDOWN_DELAY_MS', '5001'],
      /ConfigMap darkroom\/frontend, data\.SHUTDOWN_DELAY_MS: staging says "5000", production "5001"/,
    ],
    [
      'a field more',
      ['Deployment darkroom/worker-pinhole', 'spec.template.spec.hostNetwork', true],
      /worker-pinhole, spec\.template\.spec\.hostNetwork: staging says nothing, production true/,
    ],
    [
      'a list that is empty',
      ['NetworkPolicy darkroom/worker', 'spec.egress', []],
      /NetworkPolicy darkroom\/worker, spec\.egress/,
    ],
  ];

  test.each(differences)('%s is a difference', (_, [object, field, value], told) => {
    const found = differencesOf(
      { name: 'staging', objects: objects.staging },
      { name: 'production', objects: change(objects.production, object, field, value) },
    ).map(tell);
    expect(found.join('\n')).toMatch(told);
  });

  test('an object more is a difference', () => {
    const extra = { ...(objects.production[0] as Manifest), metadata: { name: 'debug' } };
    const found = differencesOf(
      { name: 'staging', objects: objects.staging },
      { name: 'production', objects: [...objects.production, extra] },
    ).map(tell);
    expect(found).toEqual([
      expect.stringMatching(/debug, metadata\.name: only production has it; move it to apps\//),
    ]);
  });
});

test('apps, infrastructure and models know no environment', async () => {
  const findings: string[] = [];
  for await (const file of glob('{apps,infrastructure,models}/**/*.{yaml,env,conf,sh,sql}', {
    cwd: platformPath('.'),
  })) {
    if (file.endsWith('upstream.yaml')) continue;
    findings.push(
      ...checkEnvironmentWords(file, await readFile(platformPath(file), 'utf8')).map(tell),
    );
  }
  expect(findings).toEqual([]);
});

test.each([
  'host: db.staging.internal',
  '# In production, more.',
  'image: localhost:5001/x',
  'a kind cluster',
])('"%s" knows an environment', (line) => {
  expect(checkEnvironmentWords('apps/x.yaml', `kind: Service\n${line}\n`).map(tell)).toEqual([
    expect.stringMatching(/^apps\/x\.yaml, line 2: says ".*", which only an environment may/),
  ]);
});

test('the lock has the digest of each image but those that are known to have none', () => {
  expect(checkImageLock().map(tell)).toEqual([]);
  expect(checkImageLock([{ name: 'docker.io/x', newTag: '1' }]).map(tell)).toEqual([
    expect.stringMatching(/images\[docker\.io\/x\]\.digest: is missing/),
  ]);
});

test("the built-in model's entry is the catalogue's own", async () => {
  const ours = await readFile(platformPath('models/pinhole/model.json'), 'utf8');
  expect(ours).toBe(await readFile(pinhole.catalogue, 'utf8'));
});
