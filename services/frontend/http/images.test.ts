import { createHash } from 'node:crypto';
import { DarkroomError } from '@darkroom/contract';
import { createMetrics } from '@darkroom/lifecycle';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
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
  const image = { key, sha256, width: 64, height: 64, seed: 9, provider: 'cuda' };
  const images = [image, lost];
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
    'accept-ranges': 'none',
  });
});

it.each([
  ['the tag', `"${sha256}"`],
  ['a weak tag', `W/"${sha256}"`],
  ['a list', `"other", W/"another" ,"${sha256}"`],
  ['any tag', '*'],
])(
  'does not send again what the caller has, as If-None-Match says with %s',
  async (_, condition) => {
    const response = await frontend.app.inject({ url, headers: { 'if-none-match': condition } });
    expect(response.statusCode).toBe(304);
    expect(response.body).toBe('');
    expect(response.headers).toMatchObject({ etag: `"${sha256}"` });
  },
);

it.each(['"other"', 'W/"other"', `"${sha256.slice(1)}"`, `"a${sha256}"`, '"*"'])(
  'sends what the caller does not have, as If-None-Match says with %s',
  async (condition) => {
    const response = await frontend.app.inject({ url, headers: { 'if-none-match': condition } });
    expect(response.statusCode).toBe(200);
  },
);

it('sends the whole picture to whoever asks for a part, and says that it takes no ranges', async () => {
  const response = await frontend.app.inject({ url, headers: { range: 'bytes=0-1' } });
  expect(response.statusCode).toBe(200);
  expect(response.headers['accept-ranges']).toBe('none');
  expect(response.rawPayload.length).toBe(png.length);
});

it('answers HEAD as GET, without the picture', async () => {
  const head = await frontend.app.inject({ method: 'HEAD', url });
  const get = await frontend.app.inject({ url });
  expect(head.statusCode).toBe(200);
  expect(head.rawPayload.length).toBe(0);
  const headers = ({ headers: { date: _, ...rest } }: typeof get) => rest;
  expect(headers(head)).toEqual(headers(get));
  expect(head.headers['content-length']).toBe(String(png.length));
});

describe('a picture that the object store does not have as it was stored', () => {
  afterEach(async () => {
    await frontend.objects.put(`default/${id}/0-${sha256}.png`, png, 'image/png');
  });

  it.each([
    ['cut', png.subarray(0, -1)],
    ['empty', new Uint8Array()],
    ['changed in a bit', png.map((byte, index) => (index === 4 ? byte ^ 1 : byte))],
    ['much larger', new Uint8Array(2 ** 20)],
  ])('is refused with 502 and counted: %s', async (_, bytes) => {
    await frontend.objects.put(`default/${id}/0-${sha256}.png`, bytes, 'image/png');
    const metrics = createMetrics();
    const sizes: number[] = [];
    const get: typeof frontend.objects.get = async (...args) => {
      const object = await frontend.objects.get(...args);
      sizes.push(object?.bytes.length ?? 0);
      return object;
    };
    const app = createFrontend({ ...frontend, objects: { ...frontend.objects, get }, metrics });
    const response = await app.inject(url);
    await app.close();
    expect(response.statusCode).toBe(502);
    expect(response.headers).not.toHaveProperty('cache-control');
    expect(response.headers).not.toHaveProperty('etag');
    expect(response.json().error).toMatchObject({
      message: expect.stringMatching(/damaged in the object store and is not sent.*seed 9/),
      data: { code: 'BAD_GATEWAY', httpStatus: 502 },
    });
    expect(await metrics.metrics()).toContain('darkroom_images_broken_total{fault="damaged"} 1');
    // Of 64 x 64 pixels: no more of it is held in memory.
    expect(sizes[0]).toBeLessThan(64 * 64 * 4 + 2 ** 16 + 2);
  });
});

it('names neither tenant nor key to callers', async () => {
  const { result } = await frontend.query('generations.get', { id });
  expect(url).toBe(`/images/${id}/0-${sha256}.png`);
  expect(Object.keys(result.data)).not.toContain('tenant');
  const size = { width: 64, height: 64 };
  expect(result.data.images).toEqual([
    { url, sha256, ...size, seed: 9, provider: 'cuda' },
    // Of an earlier release: nobody knows what computed it.
    { url: `/images/${id}/1-lost.png`, sha256: 'lost', ...size, seed: 10 },
  ]);
});

it.each(['unavailable', 'configuration'] as const)(
  'says neither where pictures are kept nor to keep the answer, while they cannot be read: %s',
  async (kind) => {
    const message = 'cannot read a key in bucket private at http://inside:7070';
    const get = () => Promise.reject(new DarkroomError(kind, message));
    const objects = { ...frontend.objects, get };
    const app = createFrontend({ ...frontend, objects, metrics: createMetrics() });
    const response = await app.inject(url);
    await app.close();
    expect(response.statusCode).toBe(503);
    expect(response.headers).not.toHaveProperty('cache-control');
    expect(response.headers).not.toHaveProperty('etag');
    expect(response.json().error.message).toContain('cannot be read now');
    expect(response.body).not.toMatch(/private|inside/);
  },
);

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
