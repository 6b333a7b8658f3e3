import { afterAll, beforeAll, expect, it } from 'vitest';
import { testCallers } from '../testing/keyed-callers.ts';
import { claim, startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

const { callers, grant } = testCallers();
const tenant = grant({ tenant: 'acme', scopes: ['generations:write', 'generations:read'] });
const operator = grant({ tenant: 'operations', scopes: ['system:read'] });

const inside = /worker-7@gpu-host|CUDA error|gpu-host/;

let frontend: TestFrontend;
/** A generation of acme's that has lost an attempt with its engine. */
let id: string;
beforeAll(async () => {
  frontend = await startFrontend(callers);
  const created = await call(tenant, 'POST', 'generations.create', { prompt: 'x' });
  id = created.json().result.data.id;
  const { store } = frontend;
  const { fence } = await claim(frontend, id, 'worker-7@gpu-host');
  const lastWords = 'CUDA error on gpu-host';
  await store.release({ id, fence, countAttempt: true, lastWords });
});
afterAll(() => frontend.close());

const call = (authorization: string, method: 'GET' | 'POST', procedure: string, input: object) =>
  frontend.app.inject(
    method === 'GET'
      ? {
          url: `/trpc/${procedure}?input=${encodeURIComponent(JSON.stringify(input))}`,
          headers: { authorization },
        }
      : { method, url: `/trpc/${procedure}`, headers: { authorization }, payload: input },
  );

it('tells a tenant when and how an attempt was lost, and neither where nor the last words', async () => {
  const got = await call(tenant, 'GET', 'generations.get', { id });
  expect(got.json().result.data.evidence).toEqual([
    { attempt: 1, at: expect.any(String), cause: 'engine-died' },
  ]);
  const answers = [
    got,
    await call(tenant, 'GET', 'generations.list', {}),
    await call(tenant, 'POST', 'generations.cancel', { id }),
    await call(tenant, 'POST', 'generations.redrive', { id }),
  ];
  for (const { statusCode, body } of answers) {
    expect(statusCode, body).toBe(200);
    expect(body).not.toMatch(inside);
  }
});

it('tells an operator all of it, whatever the tenant', async () => {
  const answer = await call(operator, 'GET', 'system.evidence', { id });
  expect(answer.json().result.data).toEqual([
    {
      attempt: 1,
      at: expect.any(String),
      cause: 'engine-died',
      worker: 'worker-7@gpu-host',
      lastWords: 'CUDA error on gpu-host',
    },
  ]);
});

it('tells a tenant nothing of it without the scope, and an operator when there is no such generation', async () => {
  const refused = await call(tenant, 'GET', 'system.evidence', { id });
  expect(refused.statusCode).toBe(403);
  expect(refused.body).not.toMatch(inside);
  const unknown = { id: crypto.randomUUID() };
  const missing = await call(operator, 'GET', 'system.evidence', unknown);
  expect(missing.statusCode).toBe(404);
  expect(missing.json().error.message).toContain(`there is no generation ${unknown.id}`);
});
