import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { trackUnusedConnections } from './unused-connections.ts';

test('a server that closes need not wait for a connection without a request', async () => {
  const server = createServer((_, response) => response.end('answer')).listen(0, '127.0.0.1');
  const endUnusedConnections = trackUnusedConnections(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const answer = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } });
  expect(await answer.text()).toBe('answer');
  const accepted = once(server, 'connection');
  const silent = connect(port, '127.0.0.1');
  await accepted;

  const closed = once(server, 'close');
  server.close();
  endUnusedConnections();
  await Promise.all([closed, once(silent, 'close')]);
  expect(server.listening).toBe(false);
}, 10_000);
