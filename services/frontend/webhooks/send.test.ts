import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Resolve } from './public-lookup.ts';
import { createSender, type Sender } from './send.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const sender = (...args: Parameters<typeof createSender>): Sender => {
  const made = createSender(...args);
  open.push(made.close);
  return made;
};

/** A receiver on loopback; counts the connections made to it. */
async function receiver(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seen = { connections: 0, requests: 0 };
  server.on('connection', () => (seen.connections += 1));
  server.on('request', () => (seen.requests += 1));
  open.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, port: (server.address() as AddressInfo).port };
}

const development = { allowPrivate: true };

describe('to a receiver', () => {
  it('posts body and headers', async () => {
    let body = '';
    let headers = {};
    const { port } = await receiver(async (request, response) => {
      headers = request.headers;
      for await (const chunk of request) body += chunk;
      response.writeHead(204).end();
    });
    const answer = await sender(development).send(
      `http://127.0.0.1:${port}/hook`,
      { 'webhook-id': 'msg_1' },
      '{"a":1}',
    );
    expect(answer).toEqual({ status: 204, error: null });
    expect(body).toBe('{"a":1}');
    expect(headers).toMatchObject({
      'webhook-id': 'msg_1',
      'content-type': 'application/json',
      'user-agent': 'darkroom',
    });
  });

  it.each([
    [200, null],
    [299, null],
    [400, 'it answered 400'],
    [410, 'it answered 410'],
    [503, 'it answered 503'],
  ])('takes an answer of %i for what it is', async (status, error) => {
    const { port } = await receiver((_, response) => response.writeHead(status).end('told'));
    const answer = await sender(development).send(`http://127.0.0.1:${port}`, {}, '{}');
    expect(answer).toEqual({ status, error });
  });

  it.each([
    [429, 90_000],
    [503, 90_000],
    [204, undefined],
  ])('passes on how long an answer of %i asks to be left alone: %s', async (status, ms) => {
    const { port } = await receiver((_, response) => {
      response.writeHead(status, { 'retry-after': '90' }).end();
    });
    const answer = await sender(development).send(`http://127.0.0.1:${port}`, {}, '{}');
    expect(answer.retryAfterMs).toBe(ms);
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect of %i', async (status) => {
    const elsewhere = await receiver((_, response) => response.end());
    const { port } = await receiver((_, response) => {
      response.writeHead(status, { location: `http://127.0.0.1:${elsewhere.port}/` }).end();
    });
    const answer = await sender(development).send(`http://127.0.0.1:${port}`, {}, '{}');
    expect(answer).toEqual({
      status,
      error: `it answered ${status}; redirects are not followed`,
    });
    expect(elsewhere.seen.connections).toBe(0);
  });

  it('waits no longer than its time for an answer', async () => {
    const { port } = await receiver(() => {});
    const answer = await sender(development, { timeoutMs: 50 }).send(
      `http://127.0.0.1:${port}`,
      {},
      '{}',
    );
    expect(answer).toEqual({ status: null, error: 'no answer within 0.05 s' });
  });

  it('reads little of an endless answer, and counts its status', async () => {
    const ended = Promise.withResolvers<number>();
    const { port } = await receiver((_, response) => {
      let written = 0;
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = () => {
        while (response.write(chunk)) written += chunk.length;
      };
      response.on('drain', more).on('close', () => ended.resolve(written));
      more();
    });
    const answer = await sender(development).send(`http://127.0.0.1:${port}`, {}, '{}');
    expect(answer).toEqual({ status: 200, error: null });
    expect(await ended.promise).toBeLessThan(16 * 1024 * 1024);
  });

  it('counts the status of an answer that drips, within its time', async () => {
    const { port } = await receiver((_, response) => {
      response.writeHead(200);
      response.write('x');
    });
    const answer = await sender(development, { timeoutMs: 100 }).send(
      `http://127.0.0.1:${port}`,
      {},
      '{}',
    );
    expect(answer).toEqual({ status: 200, error: null });
  });

  it('tells a refused connection', async () => {
    const answer = await sender(development).send('http://127.0.0.1:1/', {}, '{}');
    expect(answer).toEqual({ status: null, error: 'no answer: ECONNREFUSED' });
  });

  it('tells an answer that is not HTTP', async () => {
    const { port } = await receiver((request) => request.socket.end('what?\r\n\r\n'));
    const answer = await sender(development).send(`http://127.0.0.1:${port}`, {}, '{}');
    expect(answer).toMatchObject({ status: null, error: expect.stringContaining('no answer: ') });
  });
});

describe('to what is not public', () => {
  const loopback: Resolve = async () => [{ address: '127.0.0.1', family: 4 }];

  it.each<[string, Resolve]>([
    ['resolves to loopback', loopback],
    [
      'resolves to a public address and a private one',
      async () => [
        { address: '93.184.215.14', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
    ],
    [
      'resolves to loopback as IPv6 tells it',
      async () => [{ address: '::ffff:127.0.0.1', family: 6 }],
    ],
    ['does not resolve', () => Promise.reject(new Error('ENOTFOUND'))],
    ['resolves to nothing', async () => []],
  ])('makes no connection when the name %s, and tells no more', async (_, resolve) => {
    const { port, seen } = await receiver((_, response) => response.end());
    const answer = await sender({ ports: [port] }, { resolve }).send(
      `https://hook.example:${port}/`,
      {},
      '{}',
    );
    expect(answer).toEqual({
      status: null,
      error: 'its name does not resolve to a public address',
    });
    expect(seen.connections).toBe(0);
  });

  it('asks for the name again at each attempt, so that one rebound since is found out', async () => {
    const { port, seen } = await receiver((_, response) => response.end());
    let asked = 0;
    const counting: Resolve = (name) => {
      asked += 1;
      return loopback(name);
    };
    const careful = sender({ ports: [port] }, { resolve: counting });
    await careful.send(`https://hook.example:${port}/`, {}, '{}');
    await careful.send(`https://hook.example:${port}/`, {}, '{}');
    expect(asked).toBe(2);
    expect(seen.connections).toBe(0);
  });

  it('looks at the address itself again, for the policy may have become stricter', async () => {
    const { port, seen } = await receiver((_, response) => response.end());
    const answer = await sender({ ports: [port] }).send(`https://127.0.0.1:${port}/`, {}, '{}');
    expect(answer.error).toBe('webhook.url: must not name a private address');
    expect(seen.connections).toBe(0);
  });
});
