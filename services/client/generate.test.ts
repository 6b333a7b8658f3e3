import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createClient } from './client.ts';
import { UnreachableError } from './persist.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const servers: Server[] = [];
const closeServers = () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
};
afterEach(closeServers);

/** A frontend that misbehaves on purpose; answers each procedure by what `answers` says. */
async function listen(answers: Record<string, Answer>): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const procedure = /^\/trpc\/([a-z.]+)/.exec(request.url ?? '')?.[1] ?? request.url ?? '';
    answers[procedure]?.(request, response, body);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const id = '4f7c5c1e-52ab-4a0c-9d67-0a8f0ea53f29';
const generation = (state: string) => ({ id, state, progress: { step: 0, steps: 4 }, images: [] });

const say = (response: ServerResponse, data: unknown, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(data));
};
const result = (response: ServerResponse, data: unknown) => say(response, { result: { data } });
const refusal = (response: ServerResponse, status: number, code: string, message: string) =>
  say(response, { error: { message, code: -32600, data: { code, httpStatus: status } } }, status);

const stream = (response: ServerResponse, ...states: string[]) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('event: connected\ndata: {}\n\n');
  for (const [index, state] of states.entries()) {
    response.write(`data: ${JSON.stringify(generation(state))}\nid: ${index}.0\n\n`);
  }
};

test('waits as long as it is told when it asks too much, and then passes the refusal on', async () => {
  const asked: number[] = [];
  const url = await listen({
    'generations.create': (_request, response) => {
      asked.push(Date.now());
      response.setHeader('retry-after', asked.length === 1 ? '1' : '60');
      refusal(response, 429, 'TOO_MANY_REQUESTS', '10 generations wait, at most 10 may');
    },
  });
  const patient = createClient({ url, patienceMs: 5_000 }).generate({ prompt: 'a star' });
  await expect(patient).rejects.toMatchObject({
    name: 'TRPCClientError',
    message: '10 generations wait, at most 10 may',
    data: { code: 'TOO_MANY_REQUESTS' },
  });
  expect(asked).toHaveLength(2);
  expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(990);
});

test('asks again under the same key after a cut connection and after "not now"', async () => {
  const bodies: string[] = [];
  const url = await listen({
    'generations.create': (request, response, body) => {
      bodies.push(body);
      if (bodies.length === 1) request.socket.destroy();
      else if (bodies.length === 2) refusal(response, 503, 'SERVICE_UNAVAILABLE', 'not now');
      else result(response, generation('succeeded'));
    },
  });
  const { state } = await createClient({ url }).generate({ prompt: 'a star' });
  expect(state).toBe('succeeded');
  expect(bodies).toHaveLength(3);
  expect(new Set(bodies).size).toBe(1);
  expect(JSON.parse(bodies[0] ?? '')).toEqual({
    prompt: 'a star',
    idempotencyKey: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test('waiting for a generation outlasts a cut connection at its very beginning', async () => {
  let asked = 0;
  const url = await listen({
    'generations.get': (request, response) => {
      asked += 1;
      if (asked === 1) request.socket.destroy();
      else result(response, generation('succeeded'));
    },
  });
  expect((await createClient({ url }).waitFor(id)).state).toBe('succeeded');
  expect(asked).toBe(2);
});

test('a refusal is not repeated', async () => {
  let asked = 0;
  const url = await listen({
    'generations.create': (_, response) => {
      asked += 1;
      refusal(response, 400, 'BAD_REQUEST', 'prompt: must not be empty');
    },
  });
  const refused = createClient({ url }).generate({ prompt: '' });
  await expect(refused).rejects.toMatchObject({
    message: 'prompt: must not be empty',
    data: { code: 'BAD_REQUEST' },
  });
  expect(asked).toBe(1);
});

test('a watch that breaks is started over, and one that never works is done without', async () => {
  const cut: Answer = (_, response) => {
    stream(response, 'queued', 'running');
    setImmediate(() => response.destroy());
  };
  const lose: Answer = (_, response) => refusal(response, 502, 'BAD_GATEWAY', 'the proxy lost it');
  const watches = [cut, lose];
  const gets = ['running', 'running', 'succeeded'];
  const url = await listen({
    'generations.create': (_, response) => result(response, generation('queued')),
    'generations.watch': (...call) => (watches.shift() ?? lose)(...call),
    'generations.get': (_, response) => result(response, generation(gets.shift() ?? 'succeeded')),
  });
  const seen: string[] = [];
  const client = createClient({ url });
  const { state } = await client.generate(
    { prompt: 'a star' },
    { onProgress: (_, { state }) => seen.push(state) },
  );
  expect(state).toBe('succeeded');
  expect(seen.at(0)).toBe('queued');
  expect(seen.at(-1)).toBe('succeeded');
  expect(watches).toEqual([]);
});

test('the key goes along with every request, the event stream included', async () => {
  const keys: Record<string, string | undefined> = {};
  const url = await listen({
    'generations.create': (request, response) => {
      keys.create = request.headers.authorization;
      result(response, generation('queued'));
    },
    'generations.watch': (request, response) => {
      keys.watch = request.headers.authorization;
      stream(response, 'succeeded');
    },
    '/images/1.png': (request, response) => {
      keys.image = request.headers.authorization;
      response.end('picture');
    },
  });
  const client = createClient({ url, apiKey: 'secret' });
  await client.generate({ prompt: 'a star' });
  const sha256 = 'f1b7e8b7b5ff2a7bb4b3c0c8cf4ac7f5ba3a0f0b4e1a9b7a1b8d3e2c1f0e9d8c';
  await expect(client.fetchImage({ url: '/images/1.png', sha256 })).rejects.toThrow(/SHA-256/);
  const bearer = 'Bearer secret';
  expect(keys).toEqual({ create: bearer, watch: bearer, image: bearer });
});

test('aborting cancels the generation', async () => {
  let canceled = '';
  const abort = new AbortController();
  const url = await listen({
    'generations.create': (_, response) => result(response, generation('queued')),
    'generations.watch': (_, response) => {
      stream(response, 'running');
      abort.abort(new Error('enough'));
    },
    'generations.cancel': (_, response, body) => {
      canceled = body;
      result(response, generation('running'));
    },
  });
  const { signal } = abort;
  await expect(createClient({ url }).generate({ prompt: 'a star' }, { signal })).rejects.toThrow(
    'enough',
  );
  expect(JSON.parse(canceled)).toEqual({ id });
});

test('says where it found no answer when its patience ends', async () => {
  const url = await listen({});
  closeServers();
  const lost = createClient({ url, patienceMs: 300 }).generate({ prompt: 'a star' });
  await expect(lost).rejects.toBeInstanceOf(UnreachableError);
  await expect(lost).rejects.toThrow(/no answer from http:.*ECONNREFUSED.*check/);
});

test('an address that is none is refused', () => {
  expect(() => createClient({ url: 'localhost:8080' })).toThrow(/must begin with http/);
});
