import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { freshBucket, type S3Location, startTcpProxy } from '@darkroom/testing';
import { hasModel, pushModel } from '@darkroom/worker';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { type ModelStore, placeOf } from './model-store.ts';
import { copyModels } from './models.ts';
import { serveApi } from './testing/api-server.ts';

const PREFIX = 'models/';
const version = (digest: string) => ({ name: 'dots', digest: digest.replace('sha256:', '') });

type Keys = { accessKeyId?: string; secretAccessKey?: string };

/** An environment with a bucket of its own, and the keys for it in its cluster. */
async function environment(
  name: string,
  changed: { location?: Partial<S3Location>; keys?: Keys; store?: Partial<ModelStore> } = {},
) {
  const s3 = await freshBucket(inject('s3'));
  const { accessKeyId, secretAccessKey } = s3;
  const objects = createS3Store({ ...s3, credentials: { accessKeyId, secretAccessKey } });
  onTestFinished(objects.close);
  const server = await serveApi();
  const keys = Object.entries({
    AWS_ACCESS_KEY_ID: changed.keys?.accessKeyId ?? accessKeyId,
    AWS_SECRET_ACCESS_KEY: changed.keys?.secretAccessKey ?? secretAccessKey,
  });
  server.objects.set('/api/v1/namespaces/darkroom/secrets/worker-credentials', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'worker-credentials', namespace: 'darkroom' },
    data: Object.fromEntries(keys.map(([key, value]) => [key, btoa(value)])),
  });
  const { endpoint, bucket, region } = { ...s3, ...changed.location };
  const store: ModelStore = {
    ...{ environment: name, endpoint, bucket, region, secret: 'worker-credentials' },
    ...changed.store,
  };
  return { objects, server, s3, access: { api: server.open({ patienceMs: 0 }), store } };
}
type Environment = Awaited<ReturnType<typeof environment>>;

/** Gives its cluster the Service of its store, and the pod behind it a port of this machine. */
function serveStore({ server }: Environment, port: number): void {
  const metadata = { name: 'store', namespace: 'data' };
  server.objects.set('/api/v1/namespaces/data/services/store', {
    ...{ apiVersion: 'v1', kind: 'Service', metadata },
    spec: { selector: { app: 'store' }, ports: [{ port: 80, targetPort: 's3' }] },
  });
  server.objects.set('/api/v1/namespaces/data/pods/store', {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata },
    spec: { containers: [{ ports: [{ name: 's3', containerPort: port }] }] },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
}

const push = ({ objects }: Environment) =>
  pushModel({ objects, folder: pinhole.folder, name: 'dots' });
const isIn = ({ objects }: Environment, digest: string) =>
  hasModel({ objects, prefix: PREFIX }, version(digest));

/** Does the step for the model, from one environment to another or where it enters. */
async function copy(
  digest: string,
  source: Environment | undefined,
  target: Environment,
  options: { tell?: (what: string) => void; signal?: AbortSignal } = {},
) {
  const to = placeOf(target.access.store, 'dots');
  const from = source ? placeOf(source.access.store, 'dots') : to;
  await copyModels([{ name: 'dots', digest, from, to }], {
    source: source?.access,
    target: target.access,
    tell: options.tell ?? (() => {}),
    signal: options.signal ?? new AbortController().signal,
  });
}

/** The file that a line about progress tells of. */
const pathIn = (line: string) => /MiB, (.*)$/.exec(line)?.slice(1) ?? [];

const failure = (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'it did not fail',
    (error: Error) => {
      expect(error.name).toBe('CommandFailure');
      return error.message;
    },
  );

test('a version goes from store to store under its digest, and the second time nothing is read', async () => {
  const [staging, production] = [await environment('staging'), await environment('production')];
  const { digest, files } = await push(staging);
  const told: string[] = [];
  await copy(digest, staging, production, { tell: (what) => told.push(what) });
  expect(await isIn(production, digest)).toBe(true);
  for (const key of await production.objects.list(PREFIX)) {
    expect(await production.objects.get(key)).toEqual(await staging.objects.get(key));
  }
  expect(new Set(told.flatMap(pathIn)).size).toBe(files);
  expect(told[1]).toMatch(/^dots: 0\.0 of 13\.2 MiB, /);
  expect(told.at(-1)).toMatch(/^dots: 13\.2 of 13\.2 MiB, /);

  const asked = staging.server.asked.length;
  await copy(digest, staging, production);
  expect(staging.server.asked).toHaveLength(asked);
});

test('stores that are Services of their clusters are reached through the API servers', async () => {
  const service = { namespace: 'data', name: 'store', port: 80, context: 'production' };
  const inCluster = async (name: string) => {
    const one = await environment(name, { location: { endpoint: 'http://store.data.svc' } });
    one.access.store.service = service;
    const port = Number(new URL(one.s3.endpoint).port);
    serveStore(one, port);
    return one;
  };
  const [staging, production] = [await inCluster('staging'), await inCluster('production')];
  const { digest } = await push(staging);
  await copy(digest, staging, production);
  expect(await isIn(production, digest)).toBe(true);
  for (const key of await production.objects.list(PREFIX)) {
    expect(await production.objects.get(key)).toEqual(await staging.objects.get(key));
  }
});

test('where no model is of the store, no Secret is read', async () => {
  const { access, server } = await environment('production');
  const signal = new AbortController().signal;
  await copyModels([], { source: access, target: access, tell: () => {}, signal });
  expect(server.asked).toEqual([]);
});

test('where it enters, or both have one bucket, it must be there', async () => {
  const staging = await environment('staging');
  const digest = `sha256:${'0'.repeat(64)}`;
  const message = new RegExp(
    `^the model dots \\(${digest}\\) is not in the object store of staging, s3://${staging.s3.bucket}/models/dots ` +
      'at http://.*; push the .*`darkroom models push FOLDER --name dots`',
  );
  expect(await failure(copy(digest, undefined, staging))).toMatch(message);
  expect(await failure(copy(digest, staging, staging))).toMatch(message);
  const pushed = await push(staging);
  await copy(pushed.digest, undefined, staging);
  await copy(pushed.digest, staging, staging);
});

test('a version that the source does not have is named, with what to do, and nothing is written', async () => {
  const [staging, production] = [await environment('staging'), await environment('production')];
  await push(staging);
  const message = await failure(copy(`sha256:${'0'.repeat(64)}`, staging, production));
  expect(message).toMatch(/is not in the object store of staging, .*models push FOLDER/);
  expect(await production.objects.list('')).toEqual([]);
});

test('one that is interrupted is gone on with', async () => {
  const [staging, production] = [await environment('staging'), await environment('production')];
  const { digest, files } = await push(staging);
  const stop = new AbortController();
  const told: string[] = [];
  const first = copy(digest, staging, production, {
    tell: (what) => {
      told.push(what);
      if (new Set(told.flatMap(pathIn)).size > files / 2)
        stop.abort(new Error('interrupted by SIGINT'));
    },
    signal: stop.signal,
  });
  await expect(first).rejects.toThrow('interrupted by SIGINT');
  expect(await isIn(production, digest)).toBe(false);
  const there = await production.objects.list(PREFIX);
  expect(there.length).toBeGreaterThan(0);

  const left: string[] = [];
  await copy(digest, staging, production, { tell: (what) => left.push(what) });
  expect(await isIn(production, digest)).toBe(true);
  expect(new Set(left.flatMap(pathIn)).size).toBe(files - there.length);
});

test('a store that goes away amid it is told with what to do; then it is gone on with', async () => {
  const [staging, production] = [await environment('staging'), await environment('production')];
  const { digest } = await push(staging);
  const proxy = await startTcpProxy(Number(new URL(production.s3.endpoint).port));
  onTestFinished(proxy.close);
  production.access.store.endpoint = `http://127.0.0.1:${proxy.port}`;
  const message = await failure(
    copy(digest, staging, production, {
      tell: (what) => {
        if (what.includes(' of ')) proxy.set({ kind: 'cut' });
      },
    }),
  );
  expect(message).toMatch(
    /^dots cannot be copied from s3:\S+ at \S+ to s3:.*cannot be reached.*promote again: it goes on/,
  );
  proxy.set(undefined);
  await copy(digest, staging, production);
  expect(await isIn(production, digest)).toBe(true);
});

describe('refused with its remedy, and without its keys:', () => {
  test.each<[string, Parameters<typeof environment>[1], RegExp]>([
    ['a wrong key', { keys: { secretAccessKey: 'wrong' } }, /the secret key is wrong/],
    ['an unknown key', { keys: { accessKeyId: 'nobody' } }, /the access key is not known/],
    ['no such bucket', { location: { bucket: 'not-there' } }, /there is no such bucket: create it/],
    [
      'no such Secret',
      { store: { secret: 'models' } },
      /has no Secret darkroom\/models with the keys AWS_/,
    ],
    [
      'a Secret without a key',
      { keys: { secretAccessKey: '' } },
      /with the keys AWS_ACCESS_KEY_ID/,
    ],
    [
      'a store that does not answer',
      { location: { endpoint: 'http://127.0.0.1:1' } },
      /cannot be reached \(ECONNREFUSED\)/,
    ],
    [
      'a Service that is not there',
      { store: { service: { namespace: 'a', name: 'b', port: 1, context: 'production' } } },
      /is not reached: Service a\/b of production is not there; see that it runs/,
    ],
  ])('%s, in either environment', async (_, changed, words) => {
    const whole = await environment('staging');
    const { digest } = await push(whole);
    const wrong = await environment('production', changed);
    for (const [source, target] of [
      [wrong, await environment('staging')],
      [whole, wrong],
    ] as const) {
      const message = await failure(copy(digest, source, target));
      expect(message).toMatch(words);
      expect(message).toMatch(/objectStore(\.\w+)? in production\/target\.yaml/);
      expect(message).not.toContain(wrong.s3.secretAccessKey);
    }
  });
});
