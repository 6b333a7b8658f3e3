import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { readTarget } from '../../scripts/promotion/target.ts';
import { layers } from '../../scripts/render/environments.ts';
import { type Manifest, parseManifests } from '../../scripts/render/manifest.ts';
import { renderEnvironment } from '../../scripts/render/render.ts';
import { repository } from '../../scripts/repository.ts';
import { secrets } from '../secrets.ts';

const page = readFileSync(join(repository, 'docs/promotion.md'), 'utf8');
const blocks = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].flatMap(([, block = '']) =>
  parseManifests(block),
);

const targets = blocks.filter((block) => 'cluster' in block);

test('the examples of target.yaml are read, and the table has every field', async () => {
  expect(targets).toHaveLength(2);
  for (const target of targets) {
    const folder = mkdtempSync(join(tmpdir(), 'darkroom-target-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'target.yaml'), stringify(target));
    const { name: _, folder: __, signedBy, ...read } = await readTarget(folder, '.');
    expect(signedBy).toBeDefined();
    for (const field of [...Object.keys(read), 'signedBy']) {
      expect(page).toMatch(new RegExp(`^\\| .*\`${field}[\`.].* \\| .* \\| .* \\|$`, 'm'));
    }
  }
});

type Rule = { apiGroups: string[]; resources: string[]; resourceNames?: string[]; verbs: string[] };
const rulesOf = (name: string): Rule[] =>
  blocks.flatMap((object) =>
    object.kind === 'ClusterRole' && object.metadata.name === name
      ? (object['rules'] as Rule[])
      : [],
  );
const [read, write] = [rulesOf('darkroom-promotion-read'), rulesOf('darkroom-promotion-write')];

const allows = (rules: Rule[], group: string, resource: string, verb: string) =>
  rules.some(
    ({ apiGroups, resources, resourceNames, verbs }) =>
      resourceNames === undefined &&
      apiGroups.includes(group) &&
      resources.includes(resource) &&
      verbs.includes(verb),
  );

/** As Kubernetes names the kinds that the manifests have. */
const plural = (kind: string) =>
  kind.toLowerCase().replace(/y$/, 'ie').replace(/ss$/, 'sse').concat('s');

let objects: Manifest[];
beforeAll(async () => {
  const rendered = await Promise.all(
    (['staging', 'production'] as const).map((name) => renderEnvironment(name)),
  );
  objects = rendered.flatMap((each) => layers.flatMap((layer) => each[layer].objects));
});

test('who promotes has every right that a promotion asks for, and who reads may change nothing', () => {
  const kinds = new Set(
    objects.map(({ apiVersion, kind }) =>
      [apiVersion.includes('/') ? apiVersion.split('/')[0] : '', plural(kind)].join(' '),
    ),
  );
  for (const each of [...kinds, 'batch jobs']) {
    const [group = '', resource = ''] = each.split(' ');
    for (const verb of ['get', 'list', 'create', 'patch', 'delete']) {
      const rules = ['get', 'list'].includes(verb) ? read : write;
      expect([each, verb, allows(rules, group, resource, verb)]).toEqual([each, verb, true]);
    }
  }
  expect([...new Set(read.flatMap(({ verbs }) => verbs))].sort()).toEqual(['get', 'list']);
});

test('who promotes may read the Secrets that stamp pods, and the API key', () => {
  const named = read.filter(({ resources }) => resources.includes('secrets'));
  const keys = targets.map((target) => (target['apiKey'] as { secret: string }).secret);
  expect(named.flatMap(({ resourceNames }) => resourceNames).sort()).toEqual(
    [...new Set([...secrets.map(({ name }) => name), ...keys])].sort(),
  );
});
