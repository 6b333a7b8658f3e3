import { DarkroomError } from '@darkroom/contract';
import { createLogger, createMetrics } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createFrontend } from '../app.ts';
import { createFrontendProbes } from '../frontend-probes.ts';
import { claim, startFrontend, type TestFrontend } from '../testing/start-frontend.ts';
import { startSweep, sweepOnce } from './sweep.ts';

let frontend: TestFrontend;
beforeEach(async () => {
  frontend = await startFrontend();
});
afterEach(() => frontend.close());

const models = ['pinhole'];

const onFailure = ({ err }: { err: unknown }) => {
  throw err;
};

const recordOf = async (id: string) => (await frontend.records()).find((each) => each.id === id);

/** The mark is written a moment after the answer to the create. */
const whenPublished = (id: string) =>
  vi.waitFor(async () => expect((await recordOf(id))?.published).toBe(true));

it('accepts a request while the broker is away, and publishes it when that is over', async () => {
  const { store, broker } = frontend;
  const logger = createLogger({ name: 'test', level: 'silent' });
  const away: Broker = {
    ...broker,
    publishJob: () => Promise.reject(new DarkroomError('unavailable', 'RabbitMQ is not connected')),
    isReady: () => false,
  };
  const metrics = createMetrics();
  const probes = createFrontendProbes({ ...frontend, broker: away });
  const app = createFrontend({ ...frontend, metrics, broker: away, probes });
  const response = await app.inject({
    method: 'POST',
    url: '/trpc/generations.create',
    payload: { prompt: 'x' },
  });
  expect(response.statusCode).toBe(200);
  const { id } = response.json().result.data;
  expect(await recordOf(id)).toMatchObject({ state: 'queued', published: false });
  expect(await probes.readiness()).toMatchObject({ ready: true });
  const status = (await app.inject('/trpc/system.status')).json().result.data;
  expect(status).toMatchObject({ ready: true });
  expect(status.checks).toContainEqual({ name: 'broker', ready: false });
  expect(await metrics.metrics()).toContain('darkroom_publish_failures_total 1');
  await app.close();

  const heard: string[] = [];
  const worker = await broker.consumeJobs({ model: 'pinhole', prefetch: 1 }, async ({ job }) => {
    heard.push(job.generationId);
    return 'acknowledge';
  });
  const sweep = startSweep({ store, broker, models, logger, metrics, intervalMs: 20 });
  await vi.waitFor(() => expect(heard).toEqual([id]), { timeout: 5_000 });
  await whenPublished(id);
  await Promise.all([sweep.stop(), worker.stop()]);
  expect(await metrics.metrics()).toContain('darkroom_sweep_published_total 1');
});

it('republishes what the broker has lost, and leaves what waits on its queue', async () => {
  const { store, broker, mutate } = frontend;
  const { result } = await mutate('generations.create', { prompt: 'x' });
  const { id } = result.data;
  await whenPublished(id);
  const before = await recordOf(id);
  const sweep = (lossy: Broker, republishAfterMs: number) =>
    sweepOnce({ store, broker: lossy, models, republishAfterMs, onFailure });
  const wiped: Broker = { ...broker, countJobs: async () => 0 };
  expect(await broker.countJobs('pinhole')).toBeGreaterThan(0);
  expect(await sweep(broker, 0)).toBe(0);
  expect(await sweep(wiped, 60_000)).toBe(0);
  expect(await sweep({ ...wiped, isReady: () => false }, 0)).toBe(0);
  expect(await recordOf(id)).toEqual(before);
  expect(await sweep(wiped, 0)).toBeGreaterThan(0);
  const after = await recordOf(id);
  expect(after).toMatchObject({ state: 'queued', published: true });
  expect(after?.revision).toBeGreaterThan(before?.revision ?? 0);
});

it('publishes the other models though the queue of one takes nothing', async () => {
  const { store, broker } = frontend;
  const [pinhole] = frontend.catalogue.models;
  if (pinhole === undefined) throw new Error('the catalogue is empty');
  const catalogue = { models: [{ ...pinhole, name: 'broken' }, pinhole] };
  const app = createFrontend({ ...frontend, catalogue, metrics: createMetrics() });
  const create = async (model: string): Promise<string> => {
    const payload = { prompt: 'x', model };
    const request = { method: 'POST', url: '/trpc/generations.create', payload } as const;
    return (await app.inject(request)).json().result.data.id;
  };
  const broken = [await create('broken'), await create('broken')];
  const healthy = await create('pinhole');
  await Promise.all([...broken, healthy].map(whenPublished));
  await app.close();

  const publishJob: Broker['publishJob'] = async (job) => {
    if (job.model === 'broken') throw new DarkroomError('unavailable', 'the queue is broken');
    await broker.publishJob(job);
  };
  const countJobs: Broker['countJobs'] = async (model) => {
    if (model === 'unknown') throw new DarkroomError('unavailable', 'the queue does not answer');
    return 0;
  };
  const failures: string[] = [];
  await sweepOnce({
    store,
    broker: { ...broker, publishJob, countJobs },
    models: ['broken', 'pinhole', 'unknown'],
    republishAfterMs: 0,
    onFailure: ({ model }) => failures.push(model),
  });
  expect(failures).toEqual(['unknown', 'broken']);
  expect(await recordOf(healthy)).toMatchObject({ published: true, revision: 2 });
  for (const id of broken) expect(await recordOf(id)).toMatchObject({ published: false });
});

it('goes on after a round that was broken off', async () => {
  const { store, broker, logger } = frontend;
  let rounds = 0;
  const failing = {
    ...store,
    sweep: (...options: Parameters<typeof store.sweep>) => {
      rounds += 1;
      if (rounds === 1) throw new DarkroomError('unavailable', 'the database is away');
      return store.sweep(...options);
    },
  };
  const metrics = createMetrics();
  const sweep = startSweep({ store: failing, broker, models, logger, metrics, intervalMs: 5 });
  await vi.waitUntil(() => rounds > 2, { timeout: 10_000 });
  await sweep.stop();
  expect(await metrics.metrics()).toContain('darkroom_sweep_failures_total 1');
  const stopped = rounds;
  await new Promise(setImmediate);
  expect(rounds).toBe(stopped);
});

it('leaves leases that ran out while the record was away to their workers first', async () => {
  const { store, broker } = frontend;
  const { id } = (await frontend.mutate('generations.create', { prompt: 'x' })).result.data;
  const { fence } = await claim(frontend, id);
  await store.expireAllLeases();
  let isAway = true;
  const unlessAway = async <T>(call: () => Promise<T>): Promise<T> => {
    if (isAway) throw new DarkroomError('unavailable', 'the database is away');
    return await call();
  };
  let rounds = 0;
  const sweep = startSweep({
    store: {
      ...store,
      check: () => unlessAway(store.check),
      sweep: (options) => {
        rounds += 1;
        return unlessAway(() => store.sweep(options));
      },
    },
    broker,
    models,
    logger: createLogger({ name: 'test', level: 'silent' }),
    metrics: createMetrics(),
    intervalMs: 1,
  });
  await vi.waitFor(() => expect(rounds).toBe(1));
  isAway = false;
  // As a worker does that tries each second.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const progress = { step: 0, steps: 1 };
  expect(await store.heartbeat({ id, fence, leaseMs: 60_000, progress })).toBe('held');
  await vi.waitFor(() => expect(rounds).toBeGreaterThan(1), { timeout: 10_000 });
  await sweep.stop();
  expect(await recordOf(id)).toMatchObject({ state: 'running', attempt: 1, evidence: [] });
});
