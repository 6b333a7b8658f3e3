import { createMetrics } from '@darkroom/lifecycle';
import { expect, it } from 'vitest';
import { createFrontendMetrics } from '../metrics.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { watchGeneration } from './watch.ts';
import { createWatchHub } from './watch-hub.ts';

it('sees the end though the database was set back and counts its revisions again', async () => {
  const frontend = await startFrontend();
  await frontend.mutate('generations.create', { prompt: 'x' });
  const [queued] = await frontend.records();
  if (queued === undefined) throw new Error('there is no record');
  const { id, tenant } = queued;
  let record = { ...queued, state: 'running' as 'running' | 'queued' | 'canceled', revision: 5 };
  const queues = { peek: () => undefined, read: () => Promise.reject(new Error('no queues')) };
  const watches = createWatchHub({
    ...frontend,
    store: {
      get: async () => record,
      positions: async () => [{ id, revision: record.revision, step: 0 }],
    },
    queues,
    pollMs: 5,
  });
  watches.start();
  const never = new AbortController().signal;
  const metrics = createFrontendMetrics(createMetrics(), queues);
  const services = { watches, metrics, closing: never };
  const watch = watchGeneration({ id }, { tenant, revoked: never }, never, services);
  const next = async () => (await watch.next()).value?.generation.state;
  expect(await next()).toBe('running');
  record = { ...queued, state: 'queued' };
  expect(await next()).toBe('queued');
  record = { ...queued, state: 'canceled', revision: 2 };
  expect(await next()).toBe('canceled');
  expect(await watch.next()).toMatchObject({ done: true });
  await watches.stop();
  await frontend.close();
});
