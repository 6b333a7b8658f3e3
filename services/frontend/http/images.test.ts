import { createHash } from 'node:crypto';
import { DarkroomError } from '@darkroom/contract';
import { createMetrics } from '@darkroom/lifecycle';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFrontend } from '../app.ts';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';

const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1, 2, 3]);
const sha256 = createHash('sha256').update(png).digest('hex');

let frontend: TestFrontend;
let id: string;
let url: string;
beforeAll(async () => {
  frontend = await startFrontend();
  id = (await frontend.mutate('generations.create', { prompt: 'x', seed: 9 })).result.data.id;
  const { fence } = await claim(frontend, id);
  const key = `default/${id}/0-${sha256}.png`;
  await frontend.objects.put(key, png, 'image/png');
  await frontend.objects.put(`default/${id}/secret.png`, png, 'image/png');
  const lost = { key: `default/${id}/1-lost.png`, sha256: 'lost', width: 64, height: 64, seed: 10 };
  const images = [{ key, sha256, width: 64, height: 64, seed: 9 }, lost];
  await frontend.store.complete({ id, fence, images, timings: TIMINGS });
  const { result } = await frontend.query('generations.get', { id });
  url = result.data.images[0].url;
});
afterAll(() => frontend.close());

it('serves a picture where its generation says, to be kept for ever', async () => {
  const response = await frontend.app.inject(url);
  expect(response.statusCode).toBe(200);
  expect(new Uint8Array(response.rawPayload)).toEqual(png);
  expect(response.headers).toMatchObject({
    'content-type': 'image/png',
    'cache-control': 'private, max-age=31536000, immutable',
    etag: `"${sha256}"`,
    'x-content-type-options': 'nosniff',
  });
});

it('does not send again what the caller has', async () => {
  const headers = { 'if-none-match': `"${sha256}"` };
  const response = await frontend.app.inject({ url, headers });
  expect(response.statusCode).toBe(304);
  expect(response.body).toBe('');
});

it('names neither tenant nor key to callers', async () => {
  const { result } = await frontend.query('generations.get', { id });
  expect(url).toBe(`/images/${id}/0-${sha256}.png`);
  expect(Object.keys(result.data)).not.toContain('tenant');
  expect(Object.keys(result.data.images[0]).sort()).toEqual([
    'height',
    'seed',
    'sha256',
    'url',
    'width',
  ]);
});

it('says neither where pictures are kept nor to keep the answer, while they cannot be read', async () => {
  const message = 'cannot read a key in bucket private at http://inside:7070';
  const get = () => Promise.reject(new DarkroomError('unavailable', message));
  const objects = { ...frontend.objects, get };
  const app = createFrontend({ ...frontend, objects, metrics: createMetrics() });
  const response = await app.inject(url);
  await app.close();
  expect(response.statusCode).toBe(503);
  expect(response.headers).not.toHaveProperty('cache-control');
  expect(response.headers).not.toHaveProperty('etag');
  expect(response.json().error.message).toContain('cannot be read now');
  expect(response.body).not.toMatch(/private|inside/);
});

it.each([
  ['that its record does not name, though it is stored', () => `/images/${id}/secret.png`],
  ['that is named and lost', () => `/images/${id}/1-lost.png`],
  ['of another generation', () => `/images/${crypto.randomUUID()}/0-${sha256}.png`],
  ['beside its folder', () => `/images/${id}/..%2f${id}%2f0-${sha256}.png`],
])('has no picture %s', async (_, path) => {
  const response = await frontend.app.inject(path());
  expect(response.statusCode).toBe(404);
  expect(response.json().error.message).toContain('there is no picture at /images/');
  expect(response.headers).not.toHaveProperty('cache-control');
});
