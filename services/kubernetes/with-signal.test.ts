import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  CoreV1Api,
  Observable,
  type ObservableMiddleware,
  setHeaderOptions,
} from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { serveApi } from './testing/serve-api.ts';
import { withSignal } from './with-signal.ts';

/** A client, and the server that it asks. */
async function rig(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const { server, config } = await serveApi(answer);
  return { server, api: config.makeApiClient(CoreV1Api) };
}

const name = 'node';

test('ends a call that nobody answers, on both sides, with the reason', async () => {
  const { server, api } = await rig(() => {});
  const stop = new AbortController();
  const asking = api.readNode({ name }, withSignal(stop.signal));
  asking.catch(() => {});
  const [request] = await once(server, 'request');
  const closed = new Promise((resolve) => request.socket.once('close', resolve));
  stop.abort(new Error('no more'));
  await expect(asking).rejects.toThrow('no more');
  await closed;
});

test('ends a call whose answer has begun and does not end', async () => {
  const { api } = await rig((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"metadata":');
  });
  const stop = new AbortController();
  const { middleware = [], ...options } = withSignal(stop.signal);
  const begun = Promise.withResolvers<void>();
  const watch: ObservableMiddleware = {
    pre: (request) => new Observable(Promise.resolve(request)),
    post: (response) => {
      begun.resolve();
      return new Observable(Promise.resolve(response));
    },
  };
  const asking = api.readNode({ name }, { ...options, middleware: [...middleware, watch] });
  asking.catch(() => {});
  await begun.promise;
  stop.abort(new Error('no more'));
  await expect(asking).rejects.toThrow('no more');
});

test('sends nothing once the signal is aborted', async () => {
  let requests = 0;
  const { api } = await rig(() => {
    requests += 1;
  });
  const asking = api.readNode({ name }, withSignal(AbortSignal.abort(new Error('no more'))));
  await expect(asking).rejects.toThrow('no more');
  expect(requests).toBe(0);
});

test("stands beside other options and the client's own", async () => {
  const headers: IncomingMessage['headers'][] = [];
  const { api } = await rig((request, response) => {
    headers.push(request.headers);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"kind":"Node","apiVersion":"v1","metadata":{"name":"node"}}');
  });
  const { signal } = new AbortController();
  const options = setHeaderOptions('Accept', 'application/json;as=it', withSignal(signal));
  expect((await api.readNode({ name }, options)).metadata?.name).toBe(name);
  await api.readNode({ name });
  expect(headers[0]?.accept).toBe('application/json;as=it');
  expect(headers[0]?.['user-agent']).toBe(headers[1]?.['user-agent']);
});
