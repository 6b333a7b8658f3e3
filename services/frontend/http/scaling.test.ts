import { randomUUID } from 'node:crypto';
import { createMetrics, type ProbeServer, startProbeServer } from '@darkroom/lifecycle';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createQueueViews } from '../admission/queue-views.ts';
import { claim, startFrontend, type TestFrontend } from '../testing/start-frontend.ts';
import { scalingRoutes } from './scaling.ts';

let frontend: TestFrontend;
const servers: ProbeServer[] = [];
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await frontend.close();
});

/** Answers of a port that has not been asked before. */
async function serve(store: TestFrontend['store'] = frontend.store) {
  const { catalogue, probes } = frontend;
  const routes = scalingRoutes({ catalogue, store, queues: createQueueViews(store) });
  const metrics = createMetrics();
  const server = await startProbeServer({ host: '127.0.0.1', port: 0, probes, metrics, routes });
  servers.push(server);
  return async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}/scaling/${path}`);
    return { status: response.status, body: (await response.json()) as { message?: string } };
  };
}

it('tells how much there is to do for a model, and which worker has what in hand', async () => {
  const idle = { queued: 0, running: 0, seconds: 0 };
  const before = await serve();
  expect(await before('models/pinhole')).toEqual({
    status: 200,
    body: { model: 'pinhole', ...idle },
  });
  expect(await before('workers')).toEqual({ status: 200, body: { workers: [] } });

  const ids = [];
  for (const steps of [10, 20]) {
    const answer = await frontend.mutate('generations.create', { prompt: 'a red circle', steps });
    ids.push(answer.result.data.id);
  }
  const { store } = frontend;
  const [worker, other] = [randomUUID(), randomUUID()].sort() as [string, string];
  const { fence } = await claim(frontend, ids[0], worker);
  const lease = { id: ids[0], fence, leaseMs: 60_000 };
  await store.heartbeat({ ...lease, progress: { step: 4, steps: 10 } });
  await store.announceWorker({ worker: other, models: ['pinhole'], state: 'ready', crashes: 0 });

  const after = await serve();
  expect(await after('models/pinhole')).toEqual({
    status: 200,
    body: { model: 'pinhole', queued: 1, running: 1, seconds: 2.6 },
  });
  expect(await after('workers')).toEqual({
    status: 200,
    body: {
      workers: [
        { worker, model: 'pinhole', jobs: 1, stepsDone: 4, stepsLeft: 6 },
        { worker: other, model: 'pinhole', jobs: 0, stepsDone: 0, stepsLeft: 0 },
      ],
    },
  });
});

it('refuses a model that is not in the catalogue, and says which are', async () => {
  const get = await serve();
  expect(await get('models/pinehole')).toEqual({
    status: 404,
    body: { message: 'the catalogue has no model "pinehole", it has pinhole' },
  });
  expect(await get('models')).toEqual({
    status: 404,
    body: { message: expect.stringContaining('/scaling/models/NAME, /scaling/workers') },
  });
});

it('answers 503 while the record cannot be read, and tells no more', async () => {
  const away = () => Promise.reject(new Error('connect ECONNREFUSED postgres:5432'));
  const get = await serve({ ...frontend.store, queues: away, workers: away, workerLoads: away });
  for (const path of ['models/pinhole', 'workers']) {
    const { status, body } = await get(path);
    expect(status).toBe(503);
    expect(body.message).toContain('the record cannot be read now');
    expect(body.message).not.toContain('postgres');
  }
});
