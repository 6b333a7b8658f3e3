import { beforeAll, expect, test } from 'vitest';
import type { Manifest } from '../../scripts/render/manifest.ts';
import { renderEnvironment } from '../../scripts/render/render.ts';
import { renderedKinds } from './variants.ts';

type Rule = { apiGroups: string[]; resources: string[]; verbs: string[] };

let objects: Manifest[];
beforeAll(async () => {
  objects = (await renderEnvironment('production')).apps.objects;
});

const rulesOf = (kind: string): Rule[] => {
  const role = objects.find(
    (object) => object.kind === kind && object.metadata.name === 'drift',
  ) as unknown as { rules: Rule[] };
  return role.rules;
};

/** Of a kind the name that paths and rights have for it, as in `apps deployments`. */
function resourceOf(kind: string): string {
  const [apiVersion = '', name = ''] = kind.split(' ');
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  const plural = name.toLowerCase().replace(/y$/, 'ie').replace(/ss$/, 'sse');
  return `${group} ${plural}s`.trim();
}

test('the drift check may list each kind that a release can have, and does no more in the cluster', async () => {
  const allowed = rulesOf('ClusterRole').flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.map((resource) => ({ resource: `${group} ${resource}`.trim(), verbs })),
    ),
  );
  const kinds = (await renderedKinds()).map(resourceOf);
  expect(allowed.map(({ resource }) => resource).sort()).toEqual(kinds.sort());
  expect(allowed.filter(({ verbs }) => verbs.join() !== 'list')).toEqual([]);
  expect(allowed.map(({ resource }) => resource)).not.toContain('secrets');
});

test('of the record it may get ConfigMaps, in their namespace alone', () => {
  expect(rulesOf('Role')).toEqual([{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }]);
});
