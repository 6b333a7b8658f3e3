import { createMetrics } from '@darkroom/lifecycle';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowedHosts } from '../access/allowed-hosts.ts';
import { createFrontend } from '../app.ts';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

const embedded = { configured: undefined, anonymous: true, host: '127.0.0.1' };

let frontend: TestFrontend;
const apps: FastifyInstance[] = [];
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(async () => {
  for (const app of apps) await app.close();
  await frontend.close();
});

const serve = (options: Parameters<typeof allowedHosts>[0]) => {
  const app = createFrontend({
    ...frontend,
    allowedHosts: allowedHosts(options),
    metrics: createMetrics(),
  });
  apps.push(app);
  return app;
};

const create = (app: FastifyInstance, headers: Record<string, string>) =>
  app.inject({
    method: 'POST',
    url: '/trpc/generations.create',
    headers,
    payload: { prompt: 'x', idempotencyKey: 'once' },
  });

describe('a service on loopback that asks for no key', () => {
  let app: FastifyInstance;
  beforeAll(() => {
    app = serve(embedded);
  });

  it.each([
    ['127.0.0.1:8080'],
    ['127.0.0.1'],
    ['127.1.2.3'],
    ['localhost:8080'],
    ['LOCALHOST.'],
    ['darkroom.localhost'],
    ['[::1]:8080'],
  ])('answers to %s', async (host) => {
    const answer = await create(app, { host });
    expect(answer.statusCode, answer.body).toBe(200);
  });

  it.each([
    ['evil.example:8080'],
    ['127.0.0.1.evil.example'],
    ['localhost.evil.example'],
    ['notlocalhost'],
    ['203.0.113.9:8080'],
    ['[::2]'],
    ['a b'],
  ])('refuses %s, whatever is asked for, and says what to set', async (host) => {
    for (const url of ['/trpc/models.list', '/images/a/b', '/elsewhere']) {
      const answer = await app.inject({ url, headers: { host } });
      expect(answer.statusCode, url).toBe(403);
      expect(answer.json().error).toMatchObject({
        message: expect.stringMatching(
          /^this service does not answer to the host ".*ALLOWED_HOSTS$/,
        ),
        data: { code: 'FORBIDDEN' },
      });
    }
  });

  it.each([['http://localhost:3000'], ['http://127.0.0.1:8080'], ['http://[::1]:8080']])(
    'takes calls of pages of this machine: %s',
    async (origin) => {
      expect((await create(app, { host: '127.0.0.1:8080', origin })).statusCode).toBe(200);
    },
  );

  it.each([
    ['https://evil.example'],
    ['http://127.0.0.1.evil.example:8080'],
    ['chrome-extension://abcdef'],
    ['null'],
  ])('refuses calls of pages of another host: %s', async (origin) => {
    const answer = await create(app, { host: '127.0.0.1:8080', origin });
    expect(answer.statusCode).toBe(403);
    expect(answer.json().error.message).toMatch(/^pages of ".*may not call.*ALLOWED_HOSTS$/);
  });
});

describe('a service', () => {
  it.each([
    ['with keys', { ...embedded, anonymous: false }],
    ['on another address', { ...embedded, host: '0.0.0.0' }],
    ['that is told to', { ...embedded, configured: ['*'] }],
  ])('answers to any host and any page: %s', async (_, options) => {
    const app = serve(options);
    const answer = await create(app, { host: 'any.example', origin: 'https://other.example' });
    expect(answer.statusCode, answer.body).toBe(200);
  });

  it('answers to the hosts that are configured, and to those of this machine', async () => {
    const app = serve({ configured: ['gpu.example'], anonymous: false, host: '0.0.0.0' });
    const statusOf = async (headers: Record<string, string>) =>
      (await create(app, headers)).statusCode;
    expect(await statusOf({ host: 'GPU.example:443', origin: 'https://gpu.example' })).toBe(200);
    expect(await statusOf({ host: 'localhost' })).toBe(200);
    expect(await statusOf({ host: 'other.example' })).toBe(403);
    expect(await statusOf({ host: 'gpu.example', origin: 'https://other.example' })).toBe(403);
  });
});
