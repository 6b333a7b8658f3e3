import { afterEach, expect, it } from 'vitest';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { type ProbeServer, startProbeServer } from './probe-server.ts';
import { createProbes } from './probes.ts';

const logged: { msg: string; check: string; reason?: string }[] = [];
const destination = { write: (line: string) => logged.push(JSON.parse(line)) };
const logger = createLogger({ name: 'probes', destination });
afterEach(() => logged.splice(0));

let server: ProbeServer | undefined;
afterEach(() => server?.close());

it('is ready when every check passes, names those that do not, and tells the log why', async () => {
  const probes = createProbes(
    {
      broker: () => false,
      database: async () => {
        throw new Error('connection refused');
      },
      storage: () => new Promise(() => {}),
      disk: () => undefined,
    },
    { logger, timeLimitMs: 20 },
  );
  expect(await probes.readiness()).toEqual({
    ready: false,
    checks: [
      { name: 'broker', ready: false },
      { name: 'database', ready: false },
      { name: 'storage', ready: false },
      { name: 'disk', ready: true },
    ],
  });
  expect(Object.fromEntries(logged.map(({ check, reason }) => [check, reason]))).toEqual({
    broker: 'not ready',
    database: 'connection refused',
    storage: 'no answer within 20 ms',
  });
});

it('logs a check when it begins to fail and when it passes again, not each time', async () => {
  let up = false;
  const probes = createProbes({ database: () => up }, { logger, maxAgeMs: 0 });
  for (const next of [false, false, true, true, false]) {
    up = next;
    await probes.readiness();
  }
  expect(logged.map(({ msg }) => msg)).toEqual([
    'check fails',
    'check passes again',
    'check fails',
  ]);
});

it('runs its checks once for all who ask, and again once the result is too old', async () => {
  let runs = 0;
  const answer = Promise.withResolvers<boolean>();
  const check = () => {
    runs += 1;
    return answer.promise;
  };
  const probes = createProbes({ database: check }, { logger });
  const asked = Array.from({ length: 100 }, () => probes.readiness());
  answer.resolve(true);
  for (const { ready } of await Promise.all(asked)) expect(ready).toBe(true);
  await probes.readiness();
  expect(runs).toBe(1);

  const impatient = createProbes({ database: check }, { logger, maxAgeMs: 0 });
  await impatient.readiness();
  await impatient.readiness();
  expect(runs).toBe(3);
});

it('is not ready from the moment it drains, whatever was found before', async () => {
  const probes = createProbes({ database: () => true }, { logger });
  expect(await probes.readiness()).toMatchObject({ ready: true });
  probes.drain();
  expect(await probes.readiness()).toMatchObject({ ready: false });
});

it('reports a dependency that is not required without failing for it', async () => {
  const probes = createProbes(
    {
      database: () => true,
      storage: { check: () => Promise.reject(new Error('away')), required: false },
    },
    { logger },
  );
  expect(await probes.readiness()).toEqual({
    ready: true,
    checks: [
      { name: 'database', ready: true },
      { name: 'storage', ready: false },
    ],
  });
});

it('serves liveness, readiness and metrics, and is alive but not ready while it drains', async () => {
  const probes = createProbes({ broker: () => true }, { logger });
  const metrics = createMetrics();
  metrics.meter.createGauge('slots', { description: 'Free slots.' }).record(3);
  server = await startProbeServer({ host: '127.0.0.1', port: 0, probes, metrics });
  const get = (path: string) => fetch(`http://127.0.0.1:${server?.port}${path}`);

  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(200);
  expect(await (await get('/metrics')).text()).toContain('slots 3');
  expect((await get('/elsewhere')).status).toBe(404);

  probes.drain();
  const readyz = await get('/readyz');
  expect(readyz.status).toBe(503);
  expect(await readyz.json()).toMatchObject({ ready: false, checks: [{ name: 'draining' }, {}] });
  expect((await get('/healthz')).status).toBe(200);
});

it('serves what else it is given, and names it where another path is asked for', async () => {
  server = await startProbeServer({
    host: '127.0.0.1',
    port: 0,
    probes: createProbes({}, { logger }),
    metrics: createMetrics(),
    routes: {
      paths: ['/queue'],
      answer: async (path) => (path === '/queue' ? { status: 503, body: [path] } : undefined),
    },
  });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server?.port}${path}`);
    return { status: response.status, body: await response.json() };
  };
  expect(await get('/queue?a=b')).toEqual({ status: 503, body: ['/queue'] });
  expect(await get('/elsewhere')).toEqual({
    status: 404,
    body: { message: 'not found; there are /healthz, /readyz, /metrics, /queue' },
  });
});

it('says what to do when its port is taken', async () => {
  const options = {
    host: '127.0.0.1',
    probes: createProbes({}, { logger }),
    metrics: createMetrics(),
  };
  server = await startProbeServer({ ...options, port: 0 });
  await expect(startProbeServer({ ...options, port: server.port })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${server.port}: another process listens there; stop it, or set PORT`,
  );
});
