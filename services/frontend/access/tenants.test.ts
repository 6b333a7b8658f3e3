import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testCallers } from '../testing/keyed-callers.ts';
import { openWatch } from '../testing/open-watch.ts';
import { claim, startFrontend, type TestFrontend, TIMINGS } from '../testing/start-frontend.ts';

const { callers, grant, revoke } = testCallers();
const acme = grant({ tenant: 'acme' });
const other = grant({ tenant: 'other' });

let frontend: TestFrontend;
/** A finished generation of acme's, and its picture. */
let id: string;
let picture: string;
beforeAll(async () => {
  frontend = await startFrontend(callers);
  id = (await call(acme, 'POST', 'generations.create', { prompt: 'x' })).data.id;
  const { fence } = await claim(frontend, id);
  const sha256 = createHash('sha256').update('png').digest('hex');
  const key = `acme/${id}/0-${sha256}.png`;
  await frontend.objects.put(key, Buffer.from('png'), 'image/png');
  const images = [{ key, sha256, width: 64, height: 64, seed: 1 }];
  await frontend.store.complete({ id, fence, images, timings: TIMINGS });
  picture = `/images/${id}/0-${sha256}.png`;
});
afterAll(() => frontend.close());

async function call(
  authorization: string | undefined,
  method: 'GET' | 'POST',
  procedure: string,
  input?: object,
) {
  const query = `?input=${encodeURIComponent(JSON.stringify(input ?? {}))}`;
  const headers = authorization === undefined ? {} : { authorization };
  const request: InjectOptions =
    method === 'GET'
      ? { method, headers, url: `/trpc/${procedure}${query}` }
      : { method, headers, url: `/trpc/${procedure}`, payload: input ?? {} };
  const response = await frontend.app.inject(request);
  const { result, error } = response.json();
  return { status: response.statusCode, headers: response.headers, data: result?.data, error };
}

describe('a caller without a valid key', () => {
  it.each([
    ['no header', undefined],
    ['another key', 'Bearer dk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['another scheme', 'Basic dXNlcjpwYXNzd29yZA=='],
  ])('is refused everywhere but at the probes: %s', async (_, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    for (const url of ['/trpc/models.list', '/trpc/nothing', '/trpc/system.status', picture]) {
      const response = await frontend.app.inject({ url, headers });
      expect(response.statusCode, url).toBe(401);
      expect(response.headers['www-authenticate']).toBe('Bearer realm="darkroom"');
      expect(response.json().error).toMatchObject({
        message: expect.stringContaining('Authorization: Bearer dk_'),
        data: { code: 'UNAUTHORIZED', httpStatus: 401 },
      });
    }
    const head = await frontend.app.inject({ method: 'HEAD', url: picture, headers });
    expect(head.statusCode).toBe(401);
    for (const url of ['/healthz', '/readyz', '/metrics']) {
      expect((await frontend.app.inject({ url, headers })).statusCode).toBe(200);
    }
  });

  it('is refused before its body is looked at', async () => {
    const payload = 'x'.repeat(2 * 1024 * 1024);
    const response = await frontend.app.inject({
      method: 'POST',
      url: '/trpc/generations.create',
      payload,
    });
    expect(response.statusCode).toBe(401);
  });

  it('is not let in by a key anywhere else', async () => {
    const key = acme.slice('Bearer '.length);
    const url = `/trpc/models.list?authorization=${key}&apiKey=${key}&access_token=${key}`;
    const response = await frontend.app.inject({ url, headers: { 'x-api-key': key } });
    expect(response.statusCode).toBe(401);
  });
});

describe('an upload', () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
    'base64',
  );
  const sender = grant({ tenant: 'sender' });
  const receiver = grant({ tenant: 'receiver' });
  const upload = (authorization: string | undefined) =>
    frontend.app.inject({
      method: 'POST',
      url: '/uploads',
      payload: png,
      headers: { 'content-type': 'image/png', ...(authorization && { authorization }) },
    });

  it('is taken with a key that may write, and with no other', async () => {
    expect((await upload(undefined)).statusCode).toBe(401);
    const reader = grant({ tenant: 'sender', scopes: ['generations:read'] });
    expect((await upload(reader)).statusCode).toBe(403);
    expect((await upload(sender)).statusCode).toBe(200);
  });

  it("is not found under another tenant's key, until that sends the same file", async () => {
    const { upload: initImage } = (await upload(sender)).json();
    const create = (authorization: string) =>
      call(authorization, 'POST', 'generations.create', { prompt: 'x', initImage });
    expect((await create(sender)).status).toBe(200);
    const refused = await create(receiver);
    expect(refused.status).toBe(400);
    expect(refused.error.message).toContain(`there is no upload ${initImage}`);
    expect((await upload(receiver)).json().upload).toBe(initImage);
    expect((await create(receiver)).status).toBe(200);
  });
});

describe('a key', () => {
  it('reaches what its scopes name and nothing else', async () => {
    const reader = grant({ tenant: 'acme', scopes: ['generations:read'] });
    const writer = grant({ tenant: 'acme', scopes: ['generations:write'] });
    const operator = grant({ tenant: 'acme', scopes: ['system:read'] });
    const statuses = async (authorization: string) => {
      const calls = [
        ['POST', 'generations.create', { prompt: 'x' }],
        ['POST', 'generations.cancel', { id }],
        ['GET', 'generations.get', { id }],
        ['GET', 'generations.list', {}],
        ['GET', 'system.status', undefined],
        ['GET', 'models.list', undefined],
      ] as const;
      const found = [];
      for (const [method, path, input] of calls) {
        found.push((await call(authorization, method, path, input)).status);
      }
      const headers = { authorization };
      return [...found, (await frontend.app.inject({ url: picture, headers })).statusCode];
    };
    expect(await statuses(reader)).toEqual([403, 403, 200, 200, 403, 200, 200]);
    expect(await statuses(writer)).toEqual([200, 200, 403, 403, 403, 200, 403]);
    expect(await statuses(operator)).toEqual([403, 403, 403, 403, 200, 200, 403]);
    const { error } = await call(reader, 'POST', 'generations.create', { prompt: 'x' });
    expect(error).toMatchObject({
      message: 'this API key lacks the scope generations:write; it has generations:read',
      data: { code: 'FORBIDDEN', httpStatus: 403 },
    });
  });

  it('that is revoked ends its open watches, which are told why', async () => {
    const brief = grant({ tenant: 'acme' });
    const { data } = await call(brief, 'POST', 'generations.create', { prompt: 'x' });
    await frontend.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = frontend.app.server.address() as AddressInfo;
    const watch = openWatch(`http://127.0.0.1:${port}`, data.id, { authorization: brief });
    expect((await watch.next()).value).toMatchObject({ data: { state: 'queued' } });
    revoke(brief);
    const last = (await watch.next()).value;
    expect(last).toMatchObject({
      event: 'serialized-error',
      data: { data: { code: 'UNAUTHORIZED', httpStatus: 401 } },
    });
    expect((await watch.next()).done).toBe(true);
    expect((await call(brief, 'GET', 'models.list')).status).toBe(401);
  });
});

describe("another tenant's generation", () => {
  const unknown = crypto.randomUUID();
  const withoutIds = (text: string) => text.replaceAll(id, 'ID').replaceAll(unknown, 'ID');

  it.each([
    ['GET', 'generations.get'],
    ['POST', 'generations.cancel'],
    ['POST', 'generations.redrive'],
    ['POST', 'generations.delete'],
  ] as const)('is answered by %s %s exactly as one that never was', async (method, path) => {
    const theirs = await call(other, method, path, { id });
    const nobodys = await call(other, method, path, { id: unknown });
    expect(theirs.status).toBe(404);
    const shape = ({ status, error }: typeof theirs) => {
      const { traceId: _, ...data } = error.data;
      return withoutIds(JSON.stringify({ status, ...error, data }));
    };
    expect(shape(theirs)).toBe(shape(nobodys));
    expect(Object.keys(theirs.headers)).toEqual(Object.keys(nobodys.headers));
  });

  it('is watched by others exactly as one that never was', async () => {
    const watched = async (generation: string) => {
      const response = await frontend.app.inject({
        url: `/trpc/generations.watch?input=${encodeURIComponent(JSON.stringify({ id: generation }))}`,
        headers: { authorization: other },
      });
      return withoutIds(response.body.replaceAll(/"traceId":"\w+"/g, '"traceId"'));
    };
    expect(await watched(id)).toContain('NOT_FOUND');
    expect(await watched(id)).toBe(await watched(unknown));
  });

  it('has no picture, not even for one who knows its digest', async () => {
    const ask = (authorization: string) =>
      frontend.app.inject({
        url: picture,
        headers: { authorization, 'if-none-match': `"${picture.slice(-68, -4)}"` },
      });
    expect((await ask(acme)).statusCode).toBe(304);
    expect((await ask(other)).statusCode).toBe(404);
  });

  it('is not listed, and its idempotency keys are not taken', async () => {
    const input = { prompt: 'x', idempotencyKey: 'the same' };
    const first = await call(acme, 'POST', 'generations.create', input);
    const second = await call(other, 'POST', 'generations.create', { ...input, prompt: 'y' });
    expect(second.status).toBe(200);
    expect(second.data.id).not.toBe(first.data.id);
    const { data } = await call(other, 'GET', 'generations.list');
    expect(data.generations.map((each: { id: string }) => each.id)).toEqual([second.data.id]);
  });

  it('does not continue a list: a cursor shows no more than its caller may see', async () => {
    const page = await call(acme, 'GET', 'generations.list', { limit: 1 });
    const { status, data } = await call(other, 'GET', 'generations.list', {
      cursor: page.data.nextCursor,
    });
    expect(status).toBe(200);
    expect(JSON.stringify(data)).not.toContain(id);
  });
});
