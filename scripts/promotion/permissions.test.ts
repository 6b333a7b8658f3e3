import { expect, test } from 'vitest';
import { checkPermissions } from './permissions.ts';
import { serveApi } from './testing/api-server.ts';

type Right = { verb: string; resource: string; subresource?: string; namespace?: string };

const objects = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'worker', namespace: 'darkroom' } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'models', namespace: 'darkroom' } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'darkroom' } },
  { apiVersion: 'example.com/v1', kind: 'Defined', metadata: { name: 'by-the-release' } },
];

const tell = ({ verb, resource, subresource, namespace }: Right) =>
  [verb, [resource, subresource].filter(Boolean).join('/'), namespace ?? ''].join(' ').trim();

/** A cluster where everything is allowed but what `isRefused`. */
async function check(isRefused: (right: string) => boolean) {
  const asked: string[] = [];
  const server = await serveApi(({ path, body }) => {
    if (!path.endsWith('/selfsubjectaccessreviews')) return undefined;
    const right = tell((body as { spec: { resourceAttributes: Right } }).spec.resourceAttributes);
    asked.push(right);
    return { status: 201, body: { status: { allowed: !isRefused(right) } } };
  });
  const refusals = await checkPermissions(server.open(), objects, {
    forwarded: ['monitoring', 'darkroom-data'],
  });
  return { refusals, asked };
}

test('an administrator is asked for everything at once', async () => {
  const { refusals, asked } = await check(() => false);
  expect(refusals).toEqual([]);
  expect(asked).toEqual(['* *']);
});

test('others are asked for each kind where it is, for the logs of canaries, and for Services that are forwarded', async () => {
  const { refusals, asked } = await check((right) => right === '* *');
  expect(refusals).toEqual([]);
  const verbs = ['get', 'list', 'create', 'patch', 'delete'];
  expect(asked.slice(1).sort()).toEqual(
    [
      ...verbs.flatMap((verb) => [
        ...[`${verb} configmaps darkroom`, `${verb} namespaces`, `${verb} jobs darkroom`],
      ]),
      'get pods/log darkroom',
      'create pods/portforward monitoring',
      'create pods/portforward darkroom-data',
    ].sort(),
  );
});

test('what is missing is told, with where', async () => {
  const { refusals } = await check(
    (right) => right === '* *' || /portforward monitoring|patch namespaces/.test(right),
  );
  expect(refusals).toEqual([
    {
      check: 'preflight',
      problem: 'you may not patch namespaces, create pods/portforward in monitoring',
      remedy: expect.stringContaining('docs/promotion.md'),
    },
  ]);
});

test('much that is missing is told in part', async () => {
  const { refusals } = await check(() => true);
  expect(refusals[0]?.problem).toMatch(/^you may not get configmaps in darkroom, .* and 6 more$/);
});
