import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpMethod } from '@kubernetes/client-node';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CommandFailure } from '../commands/failure.ts';
import { ApiError } from './api-error.ts';
import { openKubeApi } from './kube-api.ts';
import { type Answer, failure, serveApi, withKubeconfig } from './testing/api-server.ts';

const settings = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'worker', namespace: 'darkroom' },
  data: { LOG_LEVEL: 'info' },
};
const at = '/api/v1/namespaces/darkroom/configmaps/worker';

/** Answers so at first, then as it should. */
const firstly =
  (...answers: Answer[]) =>
  () =>
    answers.shift();
const always = (answer: Answer) => () => answer;
const failureOf = async (asked: Promise<unknown>): Promise<Error> => {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error('it was not refused');
};

describe('what is asked of an API server', () => {
  test('is applied on its side, as Darkroom, and taken over from nobody', async () => {
    const server = await serveApi();
    const api = server.open();
    expect(await api.apply(settings)).toMatchObject(settings);
    expect(await api.apply(settings, { force: true, dryRun: true })).toMatchObject(settings);
    const query = { fieldManager: 'darkroom', force: 'false' };
    const apply = {
      method: 'PATCH',
      path: at,
      type: 'application/apply-patch+yaml',
      body: settings,
    };
    expect(server.asked).toEqual([
      { ...apply, query },
      { ...apply, query: { ...query, force: 'true', dryRun: 'All' } },
    ]);
  });

  test('is read, listed with what its items are, created, replaced and removed', async () => {
    const server = await serveApi();
    const api = server.open();
    const created = await api.create(settings);
    expect(await api.get(settings)).toEqual(created);
    const { apiVersion, kind } = settings;
    expect(await api.list({ apiVersion, kind, namespace: 'darkroom' })).toEqual([created]);
    const replaced = await api.replace({ ...created, data: { LOG_LEVEL: 'debug' } });
    expect(replaced).toMatchObject({ data: { LOG_LEVEL: 'debug' } });
    await api.remove(settings);
    expect(server.objects.size).toBe(0);
    expect(server.asked.at(-1)?.body).toMatchObject({ propagationPolicy: 'Background' });
  });

  test('goes to the path of its kind, without a namespace where it has none', async () => {
    const server = await serveApi();
    const api = server.open();
    await api.get({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', namespace: 'b' } });
    await api.list({ apiVersion: 'apps/v1', kind: 'Deployment' }, { labelSelector: 'a=b' });
    expect(server.asked.map(({ path }) => path)).toEqual([
      '/api/v1/namespaces/a',
      '/apis/apps/v1/deployments',
    ]);
    expect(server.asked[1]?.query).toEqual({ labelSelector: 'a=b' });
    expect(await api.resource({ apiVersion: 'batch/v1', kind: 'Job' })).toBe('jobs');
  });

  test("is a log as text, and the cluster's own time", async () => {
    const server = await serveApi(({ path }) =>
      path.endsWith('/log') ? { status: 200, body: '{"not": "parsed"}\n' } : undefined,
    );
    const api = server.open();
    const of = { namespace: 'darkroom', name: 'a', container: 'canary' };
    expect(await api.log(of)).toBe('{"not": "parsed"}\n');
    expect(Math.abs((await api.time()) - Date.now())).toBeLessThan(10_000);
  });
});

describe('what a server refuses for a certificate that has ended since', () => {
  test('is asked again by a new connection', async () => {
    const answers: (Answer | undefined)[] = [undefined, failure(401, 'Unauthorized'), undefined];
    const server = await serveApi(({ path }) => (path === at ? answers.shift() : undefined));
    const api = server.open();
    for (let asked = 0; asked < 2; asked += 1) expect(await api.get(settings)).toBeUndefined();
    expect(answers).toEqual([]);
  });
});

describe('what is not there', () => {
  test('is undefined, and removed already', async () => {
    const api = (await serveApi()).open();
    expect(await api.get(settings)).toBeUndefined();
    await api.remove(settings);
  });

  const scaled = { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', metadata: { name: 'a' } };

  test('of a kind that is not served either, but cannot be applied', async () => {
    const api = (await serveApi()).open();
    expect(await api.get(scaled)).toBeUndefined();
    expect(await api.list(scaled)).toEqual([]);
    expect(await api.resource(scaled)).toBeUndefined();
    await api.remove(scaled);
    await expect(api.apply(scaled)).rejects.toThrow(
      'production serves no ScaledObject of keda.sh/v1alpha1: install its operator',
    );
  });

  test('of a kind that is defined later is found then', async () => {
    let defined = false;
    const server = await serveApi(({ path }) =>
      defined && path === '/apis/keda.sh/v1alpha1'
        ? {
            status: 200,
            body: {
              resources: [{ name: 'scaledobjects', kind: 'ScaledObject', namespaced: true }],
            },
          }
        : undefined,
    );
    const api = server.open();
    expect(await api.resource(scaled)).toBeUndefined();
    defined = true;
    expect(await api.resource(scaled)).toBe('scaledobjects');
  });
});

describe('an API server that does not answer', () => {
  test.each<[how: string, answer: Answer]>([
    ['starts', failure(503, 'ServiceUnavailable')],
    ['is overrun', failure(429, 'TooManyRequests')],
    ['stumbles', failure(500, 'InternalError')],
    ['hangs up', 'hang up'],
    ['is behind a proxy that has lost it', { status: 502, body: '<html>Bad Gateway</html>' }],
  ])('since it %s is asked again', async (_, answer) => {
    const server = await serveApi(firstly(answer));
    expect(await server.open().get(settings)).toBeUndefined();
  });

  test('since it is not up yet is asked again', async () => {
    const server = createServer((_, response) => response.end('{"gitVersion":"v1.34.0"}'));
    const listen = (port: number) =>
      new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await listen(0);
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    let refused = 0;
    const onRefused = () => {
      refused += 1;
      if (refused === 1) void listen(port);
    };
    subscribe('undici:client:connectError', onRefused);
    onTestFinished(() => {
      unsubscribe('undici:client:connectError', onRefused);
      server.close();
      server.closeAllConnections();
    });
    const api = withKubeconfig(`http://127.0.0.1:${port}`, () => openKubeApi('production'));
    expect(await api.request(HttpMethod.GET, '/version')).toEqual({ gitVersion: 'v1.34.0' });
    expect(refused).toBeGreaterThan(0);
  });

  test('for longer than the patience is told, with its address and what to look at', async () => {
    const server = await serveApi(always('hang up'));
    const error = await failureOf(server.open({ patienceMs: 0 }).get(settings));
    expect(error).toBeInstanceOf(CommandFailure);
    expect(error.message).toMatch(`the API server of production (${server.url}) does not answer: `);
    expect(error.message).toMatch(/see that the cluster runs and that this machine reaches it$/);
    expect(error.message).not.toMatch('fetch failed');
  });

  test('but for an error, for longer than the patience, is told in its words', async () => {
    const server = await serveApi(always(failure(503, 'ServiceUnavailable')));
    const error = await failureOf(server.open({ patienceMs: 0 }).get(settings));
    expect(error).toMatchObject({ status: 503, message: 'it says ServiceUnavailable' });
  });

  test('is asked no more once the signal is aborted', async () => {
    const stop = new AbortController();
    const server = await serveApi(() => {
      stop.abort(new Error('no more'));
      return failure(503, 'ServiceUnavailable');
    });
    await expect(server.open({ signal: stop.signal }).get(settings)).rejects.toThrow('no more');
  });
});

describe('what an API server refuses', () => {
  const refusing = async (answer: Answer, times = 1) => {
    const server = await serveApi(({ path }) => (path === at ? answer : undefined));
    const error = await failureOf(server.open().apply(settings));
    expect(server.asked).toHaveLength(times);
    return error;
  };

  test('for want of credentials says to log in again', async () => {
    // The second time by a new connection.
    const error = await refusing(failure(401, 'Unauthorized'), 2);
    expect(error).toBeInstanceOf(CommandFailure);
    expect(error.message).toMatch(
      /production does not take the credentials .*log in to the cluster again/,
    );
  });

  test('for want of rights says which, and where they are listed', async () => {
    const error = await refusing(failure(403, 'Forbidden'));
    expect(error).toBeInstanceOf(CommandFailure);
    expect(error.message).toMatch(/does not allow it: it says Forbidden; docs\/promotion\.md/);
  });

  test('for a conflict has who owns which field', async () => {
    const causes = [
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "kubectl"',
        field: '.data.LOG_LEVEL',
      },
    ];
    const error = await refusing(failure(409, 'Conflict', { details: { causes } }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 409, reason: 'Conflict', causes });
  });

  test('for being changed meanwhile is a conflict', async () => {
    const api = (await serveApi()).open();
    const read = await api.create(settings);
    await api.replace(read);
    expect(await failureOf(api.replace(read))).toMatchObject({ status: 409 });
  });
});

test('a context that there is not is named, with those that there are', () => {
  const open = () => withKubeconfig('https://127.0.0.1', () => openKubeApi('prodction'));
  expect(open).toThrow(CommandFailure);
  expect(open).toThrow(
    /has no context prodction; it has production, staging: .*correct cluster\.context in target\.yaml/,
  );
});

test('a configuration that is missing is named', () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('KUBECONFIG', '/nowhere/kubeconfig');
  const open = () => openKubeApi('production');
  expect(open).toThrow(CommandFailure);
  expect(open).toThrow(
    /cannot be read: .*\/nowhere\/kubeconfig.*; see the files that KUBECONFIG names/,
  );
});
