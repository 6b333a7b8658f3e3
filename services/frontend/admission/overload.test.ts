import type { AddressInfo } from 'node:net';
import { modelCatalogue } from '@darkroom/contract';
import { createMetrics } from '@darkroom/lifecycle';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { TenantLimits } from '../access/keys-file.ts';
import { createFrontend } from '../app.ts';
import { serveOperations } from '../http/operations.ts';
import { testCallers } from '../testing/keyed-callers.ts';
import { openWatch } from '../testing/open-watch.ts';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(() => frontend.close());

/** A replica over the same records with other bounds; its tenants are its own. */
function replica(options: { limits?: Partial<TenantLimits>; maxQueued?: number; model?: string }) {
  const { callers, grant } = testCallers({ limits: options.limits ?? {} });
  const [pinhole] = frontend.catalogue.models;
  const { maxQueued = 10_000, model: name = 'pinhole' } = options;
  const catalogue = modelCatalogue.parse({ models: [{ ...pinhole, name, maxQueued }] });
  const metrics = createMetrics();
  const app = createFrontend({ ...frontend, catalogue, callers, metrics });
  serveOperations(app, frontend.probes, metrics);
  const post = (authorization: string, procedure: string, payload: object) =>
    app.inject({ method: 'POST', url: `/trpc/${procedure}`, headers: { authorization }, payload });
  return {
    app,
    grant,
    create: (authorization: string, input: object = {}) =>
      post(authorization, 'generations.create', { prompt: 'x', ...input }),
    cancel: (authorization: string, id: string) =>
      post(authorization, 'generations.cancel', { id }),
  };
}

function expectRefusal(
  response: Awaited<ReturnType<ReturnType<typeof replica>['create']>>,
  message: RegExp,
) {
  expect(response.statusCode, response.body).toBe(429);
  expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expect(response.json().error).toMatchObject({
    message: expect.stringMatching(message),
    data: { code: 'TOO_MANY_REQUESTS', httpStatus: 429, retryAfterS: expect.any(Number) },
  });
}

it('takes as many as may wait for a model, and refuses the next before anything is written', async () => {
  const { app, grant, create } = replica({ maxQueued: 20, model: 'busy' });
  const key = grant({ tenant: 'acme' });
  const responses = await Promise.all(Array.from({ length: 60 }, () => create(key)));
  const accepted = responses.filter(({ statusCode }) => statusCode === 200);
  expect(accepted).toHaveLength(20);
  for (const each of responses) {
    if (each.statusCode !== 200) expectRefusal(each, /wait, at most 20 may/);
  }
  expectRefusal(await create(grant({ tenant: 'other' })), /20 generations of model busy wait/);
  const { records } = await frontend.store.list('acme', { limit: 100 });
  expect(records.map(({ id }) => id).sort()).toEqual(
    accepted.map((each) => each.json().result.data.id).sort(),
  );
  await app.close();
});

it('bounds what one tenant has queued and running, and lets others pass', async () => {
  const { app, grant, create, cancel } = replica({ limits: { active: 2 } });
  const [small, other] = [grant({ tenant: 'small' }), grant({ tenant: 'beside' })];
  const first = await create(small);
  expect((await create(small)).statusCode).toBe(200);
  expectRefusal(await create(small), /2 of your generations are queued or running, at most 2/);
  expect((await create(other)).statusCode).toBe(200);
  await cancel(small, first.json().result.data.id);
  await vi.waitFor(async () => expect((await create(small)).statusCode).toBe(200));
  await app.close();
});

it('tells again what it has accepted under a key, though there is no room for more', async () => {
  const { app, grant, create } = replica({ limits: { active: 1 } });
  const key = grant({ tenant: 'repeating' });
  const input = { idempotencyKey: 'once' };
  const first = await create(key, input);
  expectRefusal(await create(key), /at most 1 may be/);
  const again = await create(key, input);
  expect(again.statusCode).toBe(200);
  expect(again.json().result.data.id).toBe(first.json().result.data.id);
  const other = await create(key, { ...input, prompt: 'another' });
  expect(other.statusCode).toBe(409);
  await app.close();
});

it('bounds the calls of a tenant in a minute, each of a batch counted', async () => {
  const { app, grant } = replica({ limits: { requestsPerMinute: 10 } });
  const [many, other] = [grant({ tenant: 'many' }), grant({ tenant: 'few' })];
  const ask = (authorization: string, path: string) =>
    app.inject({ url: `/trpc/${path}`, headers: { authorization } });
  const batch = `${Array.from({ length: 8 }, () => 'models.list').join(',')}?batch=1&input={}`;
  expect((await ask(many, batch)).statusCode).toBe(200);
  expect((await ask(many, 'models.list')).statusCode).toBe(200);
  expect((await ask(many, 'models.list')).statusCode).toBe(200);
  const refused = await ask(many, 'models.list');
  expectRefusal(refused, /more than 10 calls a minute/);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect((await ask(other, 'models.list')).statusCode).toBe(200);
  expect((await app.inject('/readyz')).statusCode).toBe(200);
  await app.close();
});

it('tells a batch when to come again', async () => {
  const { app, grant, create } = replica({ limits: { active: 1 } });
  const key = grant({ tenant: 'batched' });
  expect((await create(key)).statusCode).toBe(200);
  const response = await app.inject({
    method: 'POST',
    url: '/trpc/generations.create,generations.create?batch=1',
    headers: { authorization: key },
    payload: { 0: { prompt: 'x' }, 1: { prompt: 'y' } },
  });
  expect(response.statusCode).toBe(429);
  expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expect(response.json()).toHaveLength(2);
  await app.close();
});

it('bounds the watches of a tenant, and gives the place back when one ends', async () => {
  const { app, grant, create } = replica({ limits: { watches: 1 } });
  const key = grant({ tenant: 'watcher' });
  const { id } = (await create(key)).json().result.data;
  await app.listen({ host: '127.0.0.1', port: 0 });
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const input = encodeURIComponent(JSON.stringify({ id }));
  const ask = async () => {
    const leave = new AbortController();
    const response = await fetch(`${origin}/trpc/generations.watch?input=${input}`, {
      headers: { authorization: key },
      signal: leave.signal,
    });
    const { status, headers } = response;
    leave.abort();
    return { status, retryAfter: headers.get('retry-after') };
  };
  const leave = new AbortController();
  const watch = openWatch(origin, id, { authorization: key, signal: leave.signal });
  await watch.next();
  expect(await ask()).toEqual({ status: 429, retryAfter: expect.stringMatching(/^\d+$/) });
  leave.abort();
  await expect(watch.next()).rejects.toThrow();
  await vi.waitFor(async () => expect((await ask()).status).toBe(200));
  await app.close();
});
