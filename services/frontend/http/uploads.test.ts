import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { UPLOAD_LIMIT } from '@darkroom/contract';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectUploads } from '../background/uploads.ts';
import { claim, startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

/** A PNG of one grey. */
const solid = (grey: number, width = 40, height = 24): Buffer => {
  const data = new Uint8Array(width * height).fill(grey);
  return Buffer.from(encode({ width, height, channels: 1, depth: 8, data }));
};

let frontend: TestFrontend;
let file: Buffer;
let reference: string;
beforeAll(async () => {
  frontend = await startFrontend();
  file = solid(10);
  reference = `sha256:${createHash('sha256').update(file).digest('hex')}`;
});
afterAll(() => frontend.close());

const post = (payload: Buffer | string, contentType = 'image/png') =>
  frontend.app.inject({
    method: 'POST',
    url: '/uploads',
    payload,
    headers: { 'content-type': contentType },
  });
const create = (input: object) =>
  frontend.mutate('generations.create', { prompt: 'x', strength: 0.5, ...input });
const stored = () => frontend.objects.list('default/uploads/');

it('keeps a file once, however often it comes and whatever it is called', async () => {
  for (const contentType of ['image/png', 'image/jpeg', 'application/octet-stream']) {
    const response = await post(file, contentType);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      upload: reference,
      width: 40,
      height: 24,
      bytes: file.length,
    });
  }
  expect(await stored()).toEqual([`default/uploads/${reference.slice(7)}`]);
  expect(Buffer.from((await frontend.objects.get((await stored())[0]!))!.bytes)).toEqual(file);
});

it.each([
  ['text', Buffer.from('no'), 'image/png', 400, 'is not a picture of a known format. Send PNG'],
  ['nothing', Buffer.alloc(0), 'image/png', 415, 'the body is empty; send the picture file'],
  ['JSON', Buffer.from('{}'), 'application/json', 415, 'send the picture file itself'],
  ['too many bytes', Buffer.alloc(UPLOAD_LIMIT + 1), 'image/png', 413, 'larger than 10 MiB'],
] as const)('refuses %s and says what to do', async (_, body, contentType, status, message) => {
  const before = await stored();
  const response = await post(body, contentType);
  expect(response.statusCode).toBe(status);
  expect(response.json().error).toMatchObject({
    message: expect.stringContaining(message),
    data: { httpStatus: status },
  });
  expect(await stored()).toEqual(before);
});

it('refuses for now what comes while as many as are taken at once are in hand', async () => {
  const address = new URL(await frontend.app.listen({ host: '127.0.0.1', port: 0 }));
  const open = Array.from({ length: 8 }, () => {
    const request = httpRequest({
      host: address.hostname,
      port: address.port,
      path: '/uploads',
      method: 'POST',
      headers: { 'content-type': 'image/png', 'content-length': file.length },
    });
    request.write(file.subarray(0, 10));
    return request;
  });
  const url = new URL('/uploads', address);
  const send = () =>
    fetch(url, { method: 'POST', body: file as never, headers: { 'content-type': 'image/png' } });
  await expect.poll(async () => (await send()).status, { timeout: 10_000 }).toBe(503);
  const refused = await send();
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.text()).toContain('try again shortly');
  const ends = open.map(
    (request) =>
      new Promise<number | undefined>((resolve, reject) => {
        request.on('response', (response) => resolve(response.resume().statusCode));
        request.on('error', reject);
        request.end(file.subarray(10));
      }),
  );
  expect(new Set(await Promise.all(ends))).toEqual(new Set([200]));
  await expect.poll(async () => (await send()).status, { timeout: 10_000 }).toBe(200);
});

describe('a request', () => {
  it('names an upload that is there, and the record keeps the reference', async () => {
    await post(file);
    const { status, result } = await create({ initImage: reference, mask: reference });
    expect(status).toBe(200);
    expect(result.data.request).toMatchObject({
      initImage: reference,
      mask: reference,
      strength: 0.5,
    });
  });

  it('is refused where the upload it names is not there', async () => {
    const missing = `sha256:${'ab'.repeat(32)}`;
    const { status, error } = await create({ initImage: missing });
    expect(status).toBe(400);
    expect(error.message).toContain(`there is no upload ${missing}`);
    expect(error.message).toContain('Send the file to POST /uploads');
  });

  it('may bring a small file as base64, which becomes an upload', async () => {
    const small = solid(20, 8, 8);
    const digest = createHash('sha256').update(small).digest('hex');
    const input = { initImage: small.toString('base64'), idempotencyKey: 'small' };
    const first = await create(input);
    expect(first.result.data.request.initImage).toBe(`sha256:${digest}`);
    expect(await stored()).toContain(`default/uploads/${digest}`);
    expect((await create(input)).result.data.id).toBe(first.result.data.id);
    const named = { ...input, initImage: `sha256:${digest}` };
    expect((await create(named)).result.data.id).toBe(first.result.data.id);
    const other = { ...input, initImage: reference };
    expect((await create(other)).status).toBe(409);
  });

  it.each([
    [{ initImage: 'c:/picture.png' }, 'initImage: must be an upload ("sha256:…"'],
    [{ initImage: 'A'.repeat(600_000) }, 'of at most 491520 characters'],
    [
      { initImage: Buffer.from('no picture').toString('base64') },
      'initImage: the picture is refused',
    ],
    [{ mask: `sha256:${'0'.repeat(64)}` }, 'mask is given without initImage'],
    [{}, 'strength is given without initImage'],
    [{ strength: 0 }, 'strength: must be more than 0'],
    [{ strength: 1.5 }, 'strength: must be at most 1'],
    [
      { strength: 0.01, steps: 20, initImage: 'AAAA' },
      'leaves none of 20 steps; ask for at least 0.05',
    ],
    [{ width: 60, initImage: 'AAAA' }, 'width is 60, it must be 64'],
  ])('is refused with 400: %o', async (input, message) => {
    const { status, error } = await create(input);
    expect(status).toBe(400);
    expect(error.message).toContain(message);
  });
});

describe('the sweep of uploads', () => {
  const sweep = (unusedMs: number) =>
    collectUploads({ store: frontend.store, objects: frontend.objects, unusedMs, retryMs: 0 });

  it('removes what no generation names and was not used for long', async () => {
    const kept = solid(30);
    const unused = solid(40);
    const [{ upload }] = [(await post(kept)).json(), await post(unused)];
    const id = (await create({ initImage: upload })).result.data.id;
    const key = `default/uploads/${upload.slice(7)}`;
    const unusedKey = `default/uploads/${createHash('sha256').update(unused).digest('hex')}`;
    await sweep(3_600_000);
    expect(await stored()).toEqual(expect.arrayContaining([key, unusedKey]));
    expect(await sweep(0)).toBeGreaterThanOrEqual(1);
    expect(await stored()).toContain(key);
    expect(await stored()).not.toContain(unusedKey);
    expect((await create({ initImage: `sha256:${unusedKey.slice(16)}` })).status).toBe(400);

    await frontend.mutate('generations.cancel', { id });
    await sweep(0);
    // A redrive needs it.
    const redriven = await frontend.mutate('generations.redrive', { id });
    expect(redriven.result.data.request.initImage).toBe(upload);
    const other = redriven.result.data.id;
    await frontend.mutate('generations.cancel', { id: other });
    for (const each of [id, other]) await frontend.mutate('generations.delete', { id: each });
    await sweep(0);
    expect(await stored()).not.toContain(key);
    expect((await post(kept)).statusCode).toBe(200);
    expect(await stored()).toContain(key);
  });

  it('takes up again what it could not remove, and meanwhile nobody uses it', async () => {
    const lost = solid(50);
    const { upload } = (await post(lost)).json();
    const { store, objects } = frontend;
    const away = { ...objects, remove: () => Promise.reject(new Error('away')) };
    const options = { store, unusedMs: 0, retryMs: 0 };
    await expect(collectUploads({ ...options, objects: away })).rejects.toThrow('away');
    expect((await create({ initImage: upload })).status).toBe(400);
    const again = await post(lost);
    expect(again.statusCode).toBe(503);
    expect(again.headers['retry-after']).toBe('2');
    await collectUploads({ ...options, objects });
    expect(await stored()).not.toContain(`default/uploads/${upload.slice(7)}`);
    expect((await post(lost)).statusCode).toBe(200);
  });

  it('leaves alone what a worker needs', async () => {
    const { upload } = (await post(solid(60))).json();
    const id = (await create({ initImage: upload })).result.data.id;
    await claim(frontend, id);
    await sweep(0);
    expect(await stored()).toContain(`default/uploads/${upload.slice(7)}`);
  });
});
