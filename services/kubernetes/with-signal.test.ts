import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CoreV1Api,
  KubeConfig,
  Observable,
  type ObservableMiddleware,
  setHeaderOptions,
} from '@kubernetes/client-node';
import { expect, onTestFinished, test } from 'vitest';
import { withSignal } from './with-signal.ts';

/** A client, and the server that it asks. */
async function rig(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'c', server: url, skipTLSVerify: true }, { name: 'u' });
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
