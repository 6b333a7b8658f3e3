import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Broker, connectRabbitmq } from '@darkroom/messaging';
import { freshBucket, freshDatabase, freshVhost } from '@darkroom/testing';
import { afterAll, beforeAll, expect, inject, it, onTestFinished, vi } from 'vitest';
import { newKey } from './access/new-key.ts';
import { openWatch, restOf } from './testing/open-watch.ts';
import { builtInCatalogue } from './testing/start-frontend.ts';
import { type FrontendProcess, startProcess } from './testing/start-process.ts';

let env: Record<string, string>;
let broker: Broker;
const running: FrontendProcess[] = [];
const queued: string[] = [];

beforeAll(async () => {
  const amqpUrl = await freshVhost(inject('amqpUrl'), inject('amqpManagementUrl'));
  const s3 = await freshBucket(inject('s3'));
  env = {
    HOST: '127.0.0.1',
    PORT: '0',
    PROBES_PORT: '0',
    SHUTDOWN_DELAY_MS: '0',
    AMQP_URL: amqpUrl,
    DATABASE_URL: await freshDatabase(inject('databaseUrl')),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    MODELS: builtInCatalogue,
    ALLOW_ANONYMOUS: '1',
  };
  broker = await connectRabbitmq({ url: amqpUrl });
  await broker.consumeJobs({ model: 'pinhole', prefetch: 10 }, async ({ job }) => {
    queued.push(job.generationId);
    return 'acknowledge';
  });
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  await broker?.close();
});

function start(overrides: Record<string, string> = {}): FrontendProcess {
  const started = startProcess({ ...env, ...overrides });
  running.push(started);
  return started;
}

async function create(origin: string): Promise<string> {
  const response = await fetch(`${origin}/trpc/generations.create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a red circle' }),
  });
  const body = await response.text();
  expect(response.status, body).toBe(200);
  return JSON.parse(body).result.data.id;
}

it('takes requests on real servers, and two replicas answer for each other', async () => {
  const replicas = [start(), start()] as const;
  const [first, second] = await Promise.all(replicas.map(({ listening }) => listening));
  if (first === undefined || second === undefined) throw new Error('two were started');
  for (const { probes } of replicas) {
    await vi.waitFor(async () => {
      const readiness = await (await fetch(`${await probes}/readyz`)).json();
      expect(readiness).toEqual({
        ready: true,
        checks: ['database', 'broker', 'storage'].map((name) => ({ name, ready: true })),
      });
    }, 10_000);
  }
  const id = await create(first);
  await vi.waitFor(() => expect(queued).toContain(id), { timeout: 10_000 });

  const watch = openWatch(second, id);
  expect((await watch.next()).value).toMatchObject({ data: { id, state: 'queued' } });
  await fetch(`${first}/trpc/generations.cancel`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id }),
  });
  const rest = await restOf(watch);
  expect(rest.map(({ event, data }) => [event, data?.state])).toEqual([
    ['message', 'canceled'],
    ['return', undefined],
  ]);
});

it('asks for the keys of its file, and goes over to others without a restart', async () => {
  const [old, next] = ['old', 'next'].map((id) =>
    newKey({ id, tenant: 'acme', scopes: ['generations:read'] }),
  ) as [ReturnType<typeof newKey>, ReturnType<typeof newKey>];
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-keys-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'keys.json');
  const hold = (...keys: (typeof old)[]) =>
    writeFile(file, JSON.stringify({ keys: keys.map(({ entry }) => entry) }));
  await hold(old);
  const frontend = start({ ALLOW_ANONYMOUS: '0', API_KEYS_FILE: file });
  const origin = await frontend.listening;
  const statusWith = async (headers: Record<string, string>) =>
    (await fetch(`${origin}/trpc/generations.list`, { headers })).status;
  const bearer = ({ key }: typeof old) => ({ authorization: `Bearer ${key}` });
  expect(await statusWith({})).toBe(401);
  expect(await statusWith(bearer(old))).toBe(200);
  await hold(next);
  await vi.waitFor(async () => expect(await statusWith(bearer(next))).toBe(200), 10_000);
  expect(await statusWith(bearer(old))).toBe(401);
  expect(frontend.output()).not.toContain(old.key);
});

it('answers probes and metrics on a port of their own, which callers do not reach', async () => {
  const frontend = start();
  const [origin, probes] = await Promise.all([frontend.listening, frontend.probes]);
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    expect((await fetch(`${probes}${path}`)).status, path).toBe(200);
    expect((await fetch(`${origin}${path}`)).status, path).toBe(404);
  }
  expect(await (await fetch(`${probes}/metrics`)).text()).toContain('darkroom_watches 0');
  expect((await fetch(`${probes}/trpc/models.list`)).status).toBe(404);
});

it('tells autoscalers what there is to do on the port of the probes alone', async () => {
  const frontend = start();
  const [origin, probes] = await Promise.all([frontend.listening, frontend.probes]);
  const demand = await fetch(`${probes}/scaling/models/pinhole`);
  expect(demand.status).toBe(200);
  expect(await demand.json()).toMatchObject({ model: 'pinhole', seconds: expect.any(Number) });
  expect((await fetch(`${probes}/scaling/models/other`)).status).toBe(404);
  expect(await (await fetch(`${probes}/scaling/workers`)).json()).toEqual({ workers: [] });
  for (const path of ['/scaling/models/pinhole', '/scaling/workers']) {
    expect((await fetch(`${origin}${path}`)).status, path).toBe(404);
  }
});

it('on SIGTERM turns unready, takes requests for the delay, ends watches, and then is gone', async () => {
  const delayMs = 1_500;
  const frontend = start({ SHUTDOWN_DELAY_MS: String(delayMs) });
  const [origin, probes] = await Promise.all([frontend.listening, frontend.probes]);
  const id = await create(origin);
  const watch = openWatch(origin, id);
  await watch.next();
  frontend.child.kill('SIGTERM');
  const began = performance.now();
  await vi.waitFor(async () => expect((await fetch(`${probes}/readyz`)).status).toBe(503));
  expect((await fetch(`${probes}/healthz`)).status).toBe(200);

  const answer = await fetch(`${origin}/trpc/models.list`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('connection')).toBe('close');
  await fetch(`${origin}/trpc/generations.cancel`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id }),
  });
  // A watch goes on as long as requests are taken.
  const rest = await restOf(watch);
  expect(rest.slice(-2).map(({ event, data }) => [event, data?.state])).toEqual([
    ['message', 'canceled'],
    ['return', undefined],
  ]);
  expect(await frontend.ended).toBe(0);
  expect(performance.now() - began).toBeGreaterThanOrEqual(delayMs - 1);
  await expect(fetch(`${origin}/trpc/models.list`)).rejects.toThrow();
});

it('ends well on SIGTERM though callers watch, and breaks their watches off to be resumed', async () => {
  const frontend = start();
  const origin = await frontend.listening;
  const watch = openWatch(origin, await create(origin));
  await watch.next();
  const rest = restOf(watch);
  frontend.child.kill('SIGTERM');
  expect(await frontend.ended).toBe(0);
  expect((await rest).map(({ event }) => event)).toEqual(['retry']);
});

it('exits 1 and says what to do when its port is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const frontend = start({ PORT: String(port) });
  expect(await frontend.ended).toBe(1);
  expect(frontend.output()).toContain(
    `cannot listen on 127.0.0.1:${port}: another process listens there; stop it, or set PORT to a free port`,
  );
  expect(frontend.output()).not.toMatch(/^\s+at .+:\d+/m);
  const another = start({ PROBES_PORT: String(port) });
  expect(await another.ended).toBe(1);
  expect(another.output()).toContain('set PROBES_PORT to a free port');
  other.close();
});

it('logs a request with the trace of its caller, and nothing secret', async () => {
  const frontend = start();
  const origin = await frontend.listening;
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  await fetch(`${origin}/trpc/models.list`, {
    headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, authorization: 'Bearer hunter2' },
  });
  const line = await vi.waitUntil(() =>
    frontend
      .output()
      .split('\n')
      .find((text) => text.includes(traceId)),
  );
  expect(JSON.parse(line)).toMatchObject({ route: 'models.list', method: 'GET', status: 200 });
  expect(frontend.output()).not.toMatch(new RegExp(`hunter2|${env.AWS_SECRET_ACCESS_KEY}`));
});
