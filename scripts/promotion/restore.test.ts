import { expect, test } from 'vitest';
import type { ReleaseLock } from '../release/lock.ts';
import { createRecord, lockDigest, objectsDigest } from './record.ts';
import { restore } from './restore.ts';
import { type Answer, type ApiServer, serveApi } from './testing/api-server.ts';
import { entry } from './testing/history.ts';

const operator = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'operator', namespace: 'keda', generation: 1 },
  spec: { replicas: 1, selector: { matchLabels: { app: 'operator' } } },
};
const available = (availableReplicas: number, conditions: object[] = []): Answer => ({
  status: 200,
  body: {
    ...operator,
    status: {
      observedGeneration: 1,
      replicas: 1,
      updatedReplicas: 1,
      availableReplicas,
      conditions,
    },
  },
});
/** Of one whose pods could not be made for long. */
const lateOnce = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' };
/** Of an operator that has lost its lease while the API server was away. */
const endsAgainAndAgain = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'operator-1', namespace: 'keda', labels: { app: 'operator' } },
  status: {
    containerStatuses: [
      { name: 'operator', restartCount: 9, state: { waiting: { reason: 'CrashLoopBackOff' } } },
    ],
  },
};

/** Goes back to a release with the operator, in an environment that gives a new one so long to run. */
async function goBack(server: ApiServer, rolloutSeconds: number): Promise<void> {
  const api = server.open();
  const record = createRecord(api);
  const lock = { release: '1' } as unknown as ReleaseLock;
  const objects = { infrastructure: [operator], apps: [] };
  await record.store({ lock, golden: [], objects });
  const to = entry('1', 'verified', { lock: lockDigest(lock), objects: objectsDigest(objects) });
  const target = {
    name: 'production',
    folder: '',
    cluster: { context: 'production', id: '' },
    url: 'http://127.0.0.1:1',
    apiKey: { secret: 'first-api-key', key: 'key' },
    registries: {},
    accepts: [],
    soakSeconds: 0,
    bakeSeconds: 0,
    rolloutSeconds,
    pictureSeconds: 1,
    pictureTolerance: 0,
    toleratedAlerts: [],
    objectStore: { secret: 'worker-credentials' },
  };
  const { signal } = new AbortController();
  await restore({ target, api, record }, { to, tell: () => {}, signal });
}

test('what looked well in its wave and ends after it is waited for', async () => {
  const looks: string[] = [];
  const server = await serveApi(({ method, path }) => {
    if (path.endsWith('/secrets/first-api-key')) {
      looks.push('pictures');
      return { status: 200, body: { data: { key: Buffer.from('dk_1').toString('base64') } } };
    }
    if (method !== 'GET' || !path.endsWith('/deployments/operator')) return undefined;
    const isDown = looks.at(-1) === 'pictures';
    looks.push(isDown ? 'down' : 'up');
    return available(isDown ? 0 : 1);
  });
  server.objects.set('/api/v1/namespaces/keda/pods/operator-1', endsAgainAndAgain);
  await goBack(server, 30);
  expect(looks).toEqual(['up', 'pictures', 'down', 'up']);
});

test('it is waited for, however little time a new release has and however hopeless it looks', async () => {
  const answers = [available(0, [lateOnce]), available(0), available(1)];
  const server = await serveApi(({ method, path }) => {
    if (path.endsWith('/secrets/first-api-key')) {
      return { status: 200, body: { data: { key: Buffer.from('dk_1').toString('base64') } } };
    }
    if (method !== 'GET' || !path.endsWith('/deployments/operator')) return undefined;
    return answers.length > 1 ? answers.shift() : answers[0];
  });
  await goBack(server, 0);
  expect(answers).toHaveLength(1);
});
