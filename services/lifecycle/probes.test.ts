import { afterEach, expect, it } from 'vitest';
import { createMetrics, Gauge } from './metrics.ts';
import { type ProbeServer, startProbeServer } from './probe-server.ts';
import { createProbes } from './probes.ts';

let server: ProbeServer | undefined;
afterEach(() => server?.close());

it('is ready when every check passes, and names those that do not', async () => {
  const probes = createProbes(
    {
      broker: () => false,
      database: async () => {
        throw new Error('connection refused');
      },
      storage: () => new Promise(() => {}),
      disk: () => undefined,
    },
    20,
  );
  expect(await probes.readiness()).toEqual({
    ready: false,
    checks: [
      { name: 'broker', ready: false, reason: 'not ready' },
      { name: 'database', ready: false, reason: 'connection refused' },
      { name: 'storage', ready: false, reason: 'no answer within 20 ms' },
      { name: 'disk', ready: true },
    ],
  });
});

it('reports a dependency that is not required without failing for it', async () => {
  const probes = createProbes({
    database: () => true,
    storage: { check: () => Promise.reject(new Error('away')), required: false },
  });
  expect(await probes.readiness()).toEqual({
    ready: true,
    checks: [
      { name: 'database', ready: true },
      { name: 'storage', ready: false, reason: 'away' },
    ],
  });
});

it('serves liveness, readiness and metrics, and is alive but not ready while it drains', async () => {
  const probes = createProbes({ broker: () => true });
  const metrics = createMetrics();
  new Gauge({ name: 'slots', help: 'Free slots.', registers: [metrics] }).set(3);
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

it('says what to do when its port is taken', async () => {
  const options = { host: '127.0.0.1', probes: createProbes({}), metrics: createMetrics() };
  server = await startProbeServer({ ...options, port: 0 });
  await expect(startProbeServer({ ...options, port: server.port })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${server.port}: another process listens there; stop it, or set PORT`,
  );
});
