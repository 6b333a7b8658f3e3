import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { dataEvent, type EventStream, RETURN, startEventStream } from './event-stream.ts';

const server = createServer();
afterEach(() => {
  server.removeAllListeners('request');
  server.close();
  server.closeAllConnections();
});

/** A stream to a reader that is a socket, so that it can stop reading. */
async function openStream() {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [, answer] = (await once(server, 'request')) as [unknown, ServerResponse];
  const stream: EventStream = startEventStream(answer, { pingMs: 60_000, client: { a: 1 } });
  return { socket, answer, stream };
}

it('writes what the reader of a tRPC stream expects', async () => {
  const { socket, stream } = await openStream();
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  await stream.send(dataEvent('2.7', { state: 'running', prompt: "l'été" }));
  stream.end(RETURN);
  await once(socket, 'close');
  // Of chunked encoding, the sizes are taken out.
  const [head = '', body = ''] = text.replace(/\r\n[0-9a-f]+\r\n/g, '\r\n').split('\r\n\r\n', 2);
  expect(head).toMatch(/content-type: text\/event-stream\r\n/i);
  expect(head).toMatch(/connection: close/i);
  expect(text.replace(/\r\n[0-9a-f]+\r\n/g, '')).toContain(
    'event: connected\ndata: {"a":1}\n\n\n' +
      'data: {"state":"running","prompt":"l\'été"}\nid: 2.7\n\n\n' +
      'event: return\ndata: \n\n\n',
  );
  expect(body).not.toBe('');
});

it('serialises the same data once, for all its readers', () => {
  const toJSON = vi.fn(() => ({ state: 'running' }));
  const data = { toJSON };
  expect(dataEvent('2.7', data)).toBe(dataEvent('2.7', data));
  expect(toJSON).toHaveBeenCalledTimes(1);
});

it('holds one event for a reader that does not read, and sends it the newest when it does', async () => {
  const { socket, answer, stream } = await openStream();
  socket.pause();
  const bulk = 'x'.repeat(1024 * 1024);
  let made = 0;
  let newest = 0;
  const pump = (async () => {
    // As a watch does: the newest there is, when the last one has gone out.
    while (newest < 1_000) {
      made += 1;
      await stream.send(dataEvent(`1.${newest}`, { newest, bulk }));
    }
    await stream.send(dataEvent(`1.${newest}`, { newest }));
    stream.end(RETURN);
  })();
  const beats = setInterval(() => {
    newest += 1;
  }, 1);
  let madeBefore = -1;
  // What the operating system takes off us is full.
  await vi.waitFor(
    () => {
      const before = madeBefore;
      madeBefore = made;
      expect(made).toBe(before);
    },
    { interval: 200, timeout: 20_000 },
  );
  expect(answer.writableLength).toBeLessThan(2 * bulk.length);
  clearInterval(beats);
  newest = 1_000;
  const stalledAt = made;
  let tail = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    tail = (tail + chunk).slice(-2_000);
  });
  socket.resume();
  await Promise.all([pump, once(socket, 'close')]);
  expect(made - stalledAt).toBeLessThanOrEqual(1);
  expect(tail).toContain('{"newest":1000}');
  expect(tail).toContain('event: return');
});

it('ends a wait whose reader is gone', async () => {
  const { socket, stream } = await openStream();
  socket.pause();
  const bulk = 'x'.repeat(64 * 1024 * 1024);
  const sending = stream.send(dataEvent('1.0', { bulk }));
  socket.destroy();
  await sending;
  await stream.send(dataEvent('1.1', {}));
});
