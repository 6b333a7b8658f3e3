import { gzipSync } from 'node:zlib';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
beforeAll(async () => {
  frontend = await startFrontend();
});
afterAll(() => frontend.close());

const json = { 'content-type': 'application/json' };

/** Every refusal: the status, a message for people in the form of tRPC, and nothing of the inside. */
async function expectRefusal(
  request: InjectOptions,
  status: number,
  code: string,
  message: string | RegExp,
) {
  const response = await frontend.app.inject(request);
  const { error } = response.json();
  expect(response.statusCode, response.body).toBe(status);
  expect(error.message).toMatch(message);
  expect(error.data).toMatchObject({ code, httpStatus: status });
  expect(response.body).not.toMatch(/\bat .+:\d+:\d+|node_modules|stack/);
  expect(response.body.length).toBeLessThan(1_500);
  expect(await frontend.records()).toEqual([]);
}

describe('generations.create refuses', () => {
  it.each([
    ['no input', undefined, /the input: must be an object|the input: is missing/],
    ['a text', '"a red circle"', 'the input: must be an object, not string'],
    ['no prompt', '{}', 'prompt: is missing'],
    ['an empty prompt', '{"prompt":""}', 'prompt: must not be empty'],
    ['a blank prompt', '{"prompt":" \\n"}', 'prompt: must not be empty'],
    ['a prompt with a null byte', '{"prompt":"a\\u0000b"}', 'prompt: must not contain null bytes'],
    [
      'half an emoji in the negative prompt',
      '{"prompt":"x","negativePrompt":"\\udf40"}',
      'negativePrompt: must be well-formed Unicode',
    ],
    [
      'half an emoji in the idempotency key',
      '{"prompt":"x","idempotencyKey":"\\ud83c"}',
      'idempotencyKey: must be well-formed Unicode',
    ],
    [
      'half an emoji in the URL of a webhook',
      '{"prompt":"x","webhook":{"url":"https://example.com/\\ud83c"}}',
      'webhook.url: must be well-formed Unicode',
    ],
    ['half an emoji as the model', '{"prompt":"x","model":"\\ud83c"}', 'is not in the catalogue'],
    ['half an emoji', '{"prompt":"\\ud83c"}', 'prompt: must be well-formed Unicode'],
    [
      'a prompt of 100 kB',
      JSON.stringify({ prompt: 'x'.repeat(100_000) }),
      'model pinhole: prompt has 100000 characters, at most 1000 are allowed',
    ],
    ['steps 0', '{"prompt":"x","steps":0}', 'steps: must be at least 1'],
    [
      'steps 1e9',
      '{"prompt":"x","steps":1e9}',
      'model pinhole: steps is 1000000000, at most 150 is allowed',
    ],
    ['steps 1.5', '{"prompt":"x","steps":1.5}', 'steps: must be a whole number'],
    ['steps null, as JSON writes NaN', '{"prompt":"x","steps":null}', 'steps: must be a number'],
    ['steps 1e400', '{"prompt":"x","steps":1e400}', /^steps: must be/],
    ['a width that is no multiple of 8', '{"prompt":"x","width":65}', 'width is 65, it must be 64'],
    ['a height beyond the limit', '{"prompt":"x","height":4096}', 'height is 4096, it must be 64'],
    [
      'an unknown model',
      '{"prompt":"x","model":"sdxl"}',
      'model: "sdxl" is not in the catalogue; it has pinhole',
    ],
    [
      'an unknown scheduler',
      '{"prompt":"x","scheduler":"fastest"}',
      'scheduler: must be one of euler, euler-ancestral, heun, lms, ddim, ddpm, pndm, deis, unipc, dpmpp-2m, dpmpp-2m-sde, dpmpp-single, kdpm2, kdpm2-ancestral, lcm, tcd, flow-match-euler',
    ],
    [
      "karras, which the model's own scheduler lacks",
      '{"prompt":"x","karras":true}',
      'karras is not available with scheduler ddim; use one of euler, heun, lms, deis, unipc, dpmpp-2m, dpmpp-2m-sde, dpmpp-single, kdpm2, kdpm2-ancestral, flow-match-euler',
    ],
    [
      'an unknown field',
      '{"prompt":"x","stepz":3}',
      '"stepz": unknown field; the fields are model, prompt, negativePrompt, longPrompt, seed',
    ],
    ['a field of the prototype', '{"prompt":"x","__proto__":{"a":1}}', /unknown field/],
    ['several faults, all told', '{"prompt":"","steps":0}', /^prompt: .*; steps: /],
    [
      'an idempotency key with a null byte',
      '{"prompt":"x","idempotencyKey":"\\u0000"}',
      'idempotencyKey: must not contain null bytes',
    ],
    ['width 0', '{"prompt":"x","width":0}', 'width: must be at least 1'],
    ['seed 1e300', '{"prompt":"x","seed":1e300}', /^seed: must be a whole number [^;]*; write/],
    ['a deadline that is no time', '{"prompt":"x","deadline":"soon"}', 'deadline: must be a time'],
    ['a body that is not JSON', 'prompt=x', 'the input is not JSON'],
    ['half a body of JSON', '{"prompt":"x"', 'the input is not JSON'],
    ['steps NaN, which is not JSON', '{"prompt":"x","steps":NaN}', 'the input is not JSON'],
  ])('%s', async (_, payload, message) => {
    await expectRefusal(
      { method: 'POST', url: '/trpc/generations.create', headers: json, payload: payload ?? '' },
      400,
      'BAD_REQUEST',
      message,
    );
  });

  it.each([
    [
      'a byte of no character',
      Buffer.from('7b2270726f6d7074223a22ff227d', 'hex'),
      'byte 11 (0xFF)',
    ],
    ['Latin-1', Buffer.from('{"prompt":"caf\xe9"}', 'latin1'), 'byte 14 (0xE9)'],
    ['half a character at the end', Buffer.from('7b22c3', 'hex'), 'byte 2 (0xC3)'],
    ['UTF-16', Buffer.from('\ufeff{"prompt":"x"}', 'utf16le'), 'byte 0 (0xFF)'],
    [
      'a bad byte after U+FFFD itself',
      Buffer.concat([Buffer.from('{"prompt":"\ufffd'), Buffer.from([0x80]), Buffer.from('"}')]),
      'byte 14 (0x80)',
    ],
  ])('a body that is not UTF-8, with the place: %s', async (_, payload, place) => {
    await expectRefusal(
      { method: 'POST', url: '/trpc/generations.create', headers: json, payload },
      400,
      'BAD_REQUEST',
      `the body is not valid UTF-8: ${place} cannot be read; send JSON in UTF-8`,
    );
  });

  it.each(['gzip', 'br', 'deflate', 'zstd', 'gzip, identity'])(
    'a body that is compressed with %s, and says what it takes',
    async (encoding) => {
      const request = {
        method: 'POST',
        url: '/trpc/generations.create',
        headers: { ...json, 'content-encoding': encoding },
        payload: gzipSync('{"prompt":"x"}'),
      } as const;
      await expectRefusal(
        request,
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        `the body has content-encoding: ${encoding}, and compressed bodies are not supported; send plain JSON`,
      );
      const { headers } = await frontend.app.inject(request);
      expect(headers['accept-encoding']).toBe('identity');
    },
  );

  it('a body over the limit', async () => {
    const payload = JSON.stringify({ prompt: 'x'.repeat(1024 * 1024) });
    await expectRefusal(
      { method: 'POST', url: '/trpc/generations.create', headers: json, payload },
      413,
      'PAYLOAD_TOO_LARGE',
      'the body is larger than 1024 KiB',
    );
  });

  it.each(['text/plain', 'multipart/form-data; boundary=x', 'application/octet-stream'])(
    'a body of type %s',
    async (type) => {
      await expectRefusal(
        {
          method: 'POST',
          url: '/trpc/generations.create',
          headers: { 'content-type': type },
          payload: '{"prompt":"x"}',
        },
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        'application/json',
      );
    },
  );
});

describe('the other procedures refuse', () => {
  const id = '5f6a27a4-2a8e-4f0a-8d9c-3b8a0f7d1c11';
  it.each([
    ['generations.get', { id: 'no' }, 400, 'BAD_REQUEST', 'id: must be a UUID'],
    ['generations.get', {}, 400, 'BAD_REQUEST', 'id: is missing'],
    ['generations.get', { id }, 404, 'NOT_FOUND', `there is no generation ${id}`],
    ['generations.list', { limit: 0 }, 400, 'BAD_REQUEST', 'limit: must be at least 1'],
    ['generations.list', { limit: 101 }, 400, 'BAD_REQUEST', 'limit: must be at most 100'],
    ['generations.list', { cursor: 'no\0' }, 400, 'BAD_REQUEST', 'cursor'],
    ['generations.list', { state: 'gone' }, 400, 'BAD_REQUEST', 'state: must be one of queued,'],
    ['generations.nothing', {}, 404, 'NOT_FOUND', 'No procedure found'],
    ['constructor', {}, 404, 'NOT_FOUND', 'No procedure found'],
    ['generations.__proto__', {}, 404, 'NOT_FOUND', 'No procedure found'],
    ['generations.create', { prompt: 'x' }, 405, 'METHOD_NOT_SUPPORTED', 'GET'],
  ])('%s %j', async (procedure, input, status, code, message) => {
    const query = `?input=${encodeURIComponent(JSON.stringify(input))}`;
    const url = `/trpc/${procedure}${query}`;
    await expectRefusal({ method: 'GET', url }, status, code, message);
  });

  it('cancel, for a generation that is not there', async () => {
    const request = { method: 'POST', url: '/trpc/generations.cancel', payload: { id } } as const;
    await expectRefusal(request, 404, 'NOT_FOUND', `there is no generation ${id}`);
  });
});

describe('HTTP beside the procedures', () => {
  it.each([
    ['PUT', '/trpc/generations.create', 405, 'METHOD_NOT_SUPPORTED', 'PUT is not supported'],
    ['DELETE', '/trpc/generations.get', 405, 'METHOD_NOT_SUPPORTED', 'DELETE is not supported'],
    ['POST', '/trpc/generations.get', 405, 'METHOD_NOT_SUPPORTED', 'POST'],
    ['GET', '/elsewhere', 404, 'NOT_FOUND', 'there is nothing at /elsewhere'],
    ['GET', '/trpc', 404, 'NOT_FOUND', 'procedures are at /trpc/NAME'],
    ['GET', '/trpc/', 404, 'NOT_FOUND', 'No procedure found'],
    ['GET', '/trpc/a/b', 404, 'NOT_FOUND', 'there is nothing at /trpc/a/b; procedures are at'],
    ['POST', '/trpc/generations/create', 404, 'NOT_FOUND', 'such as /trpc/generations.create'],
    ['DELETE', '/elsewhere', 404, 'NOT_FOUND', 'there is nothing at /elsewhere'],
    ['GET', '/images', 404, 'NOT_FOUND', 'there is nothing at /images; '],
    ['GET', `/trpc/${'x'.repeat(2_001)}`, 414, 'BAD_REQUEST', 'longer than 2000 characters'],
    ['GET', '/trpc/%E0%A4%A', 400, 'BAD_REQUEST', 'not a valid url'],
    ['GET', '/trpc/generations.get?input={', 400, 'BAD_REQUEST', 'the input is not JSON'],
    ['GET', '/images/no/0-a.png', 404, 'NOT_FOUND', 'there is no picture at /images/no/0-a.png'],
    ['GET', '/images/..%2f..%2fetc/passwd', 404, 'NOT_FOUND', 'there is no picture'],
  ] as const)('%s %.80s: %i', async (method, url, status, code, message) => {
    const body = method === 'POST' || method === 'PUT' ? { payload: {} } : {};
    await expectRefusal({ method, url, ...body }, status, code, message);
  });

  it.each([
    ['PUT', '/trpc/generations.create', 'GET, HEAD, POST'],
    ['OPTIONS', '/trpc/generations.create', 'GET, HEAD, POST'],
    ['POST', '/images/a/b', 'GET, HEAD'],
    ['DELETE', '/images/a/b', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/trpc/generations.get', 'GET'],
    ['GET', '/trpc/generations.create', 'POST'],
  ] as const)(
    'tells the methods that are allowed with the 405 to %s %s: %s',
    async (method, url, allow) => {
      const response = await frontend.app.inject({ method, url, headers: json, payload: '{}' });
      expect(response.statusCode, response.body).toBe(405);
      expect(response.headers.allow).toBe(allow);
      expect(response.json().error.message).toContain(method);
    },
  );

  it('refuses a batch of more calls than it takes', async () => {
    const paths = Array.from({ length: 21 }, () => 'models.list').join(',');
    const response = await frontend.app.inject(`/trpc/${paths}?batch=1&input={}`);
    expect(response.statusCode).toBe(400);
    expect(response.body).toContain('exceeds maximum size');
  });

  it('refuses a host header that is no host', async () => {
    await expectRefusal(
      { method: 'GET', url: '/trpc/models.list', headers: { host: 'a b' } },
      400,
      'BAD_REQUEST',
      'Invalid URL',
    );
  });
});
