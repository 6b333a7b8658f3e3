import { Writable } from 'node:stream';
import { DarkroomError } from '@darkroom/contract';
import { createLogger, createMetrics } from '@darkroom/lifecycle';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFrontend } from '../app.ts';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(() => frontend.close());

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

/** A frontend whose reads fail, asked once; its answer and what it logged. */
async function askWhileReadsFail(error: Error, url: string) {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const app = createFrontend({
    ...frontend,
    store: { ...frontend.store, get: () => Promise.reject(error) },
    logger: createLogger({ name: 'frontend', destination }),
    metrics: createMetrics(),
  });
  const response = await app.inject({ url, headers: { traceparent } });
  await app.close();
  return { response, log: lines.map((line) => JSON.parse(line)) };
}

const id = '5f6a27a4-2a8e-4f0a-8d9c-3b8a0f7d1c11';
const procedure = `/trpc/generations.get?input=${encodeURIComponent(JSON.stringify({ id }))}`;

it.each([
  ['a procedure', procedure, 'unavailable'],
  ['a procedure', procedure, 'configuration'],
  ['a picture', `/images/${id}/0-a.png`, 'unavailable'],
  ['a picture', `/images/${id}/0-a.png`, 'configuration'],
] as const)(
  'answers 503 for %s when a dependency fails, and tells the log alone of where: %s',
  async (_, url, kind) => {
    const away = new DarkroomError(kind, 'no answer from 10.0.0.7:5432 for darkroom_user');
    const { response, log } = await askWhileReadsFail(away, url);
    expect(response.statusCode).toBe(503);
    expect(response.headers['retry-after']).toBe('2');
    expect(response.json().error).toMatchObject({
      message: expect.stringContaining('something that it depends on is not available'),
      data: { code: 'SERVICE_UNAVAILABLE', httpStatus: 503, traceId },
    });
    expect(response.body).not.toMatch(/10\.0\.0\.7|darkroom_user/);
    const logged = log.find(({ level }) => level === 'error');
    expect(logged).toMatchObject({ traceId, err: { message: away.message } });
  },
);

it.each([
  ['a fault in a procedure', procedure, new Error('secret detail')],
  ['a fault behind a picture', `/images/${id}/0-a.png`, new TypeError('secret detail')],
])('hides %s from the caller and logs it under the same trace', async (_, url, error) => {
  const { response, log } = await askWhileReadsFail(error, url);
  expect(response.statusCode).toBe(500);
  expect(response.body).not.toContain('secret detail');
  expect(response.json().error.data).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', traceId });
  const logged = log.find(({ level }) => level === 'error');
  expect(logged).toMatchObject({
    traceId,
    err: { message: error.message, stack: expect.stringContaining('api-error.test.ts') },
  });
});
