import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createClient } from './client.ts';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A client of a frontend that answers every request for a picture so. */
async function clientOf(answer: RequestListener) {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return createClient({ url: `http://127.0.0.1:${port}` });
}

const file = Buffer.alloc(100_000, 'picture');
const image = { url: '/images/x', sha256: createHash('sha256').update(file).digest('hex') };

test('a picture of exactly the largest size is accepted', async () => {
  const client = await clientOf((_request, response) => response.end(file));
  expect(await client.fetchImage(image, { maxBytes: file.length })).toEqual(new Uint8Array(file));
});

test.each([
  ['announced', (size: number) => ({ 'content-length': size })],
  ['not announced', () => ({})],
])('a body whose size is %s is not read beyond the largest size', async (_, headers) => {
  const closed = Promise.withResolvers<void>();
  const client = await clientOf((_request, response) => {
    response.on('close', closed.resolve).writeHead(200, headers(2 ** 40));
    const pour = () => {
      while (response.write(file));
      response.once('drain', pour);
    };
    pour();
  });
  await expect(client.fetchImage(image, { maxBytes: 99_999 })).rejects.toThrow(
    new RangeError('/images/x: the file is larger than 99999 bytes; accept more with maxBytes'),
  );
  await closed.promise;
});

test.each([
  ['before it begins', () => {}],
  ['while no answer comes', () => {}],
  ['while the body comes', (response: import('node:http').ServerResponse) => response.write('x')],
])('an abort %s rejects with its reason', async (when, answer) => {
  const asked = vi.fn();
  const client = await clientOf((_request, response) => {
    answer(response);
    asked();
  });
  const controller = new AbortController();
  const reason = new Error('enough');
  if (when === 'before it begins') controller.abort(reason);
  const fetched = client.fetchImage(image, { signal: controller.signal });
  if (when !== 'before it begins') {
    await vi.waitFor(() => expect(asked).toHaveBeenCalled());
    controller.abort(reason);
  }
  await expect(fetched).rejects.toBe(reason);
});

test('an abort ends the wait for a service that is out of reach', async () => {
  const asked = vi.fn();
  const client = await clientOf((_request, response) => {
    asked();
    response.writeHead(503, { 'retry-after': '20' }).end();
  });
  const controller = new AbortController();
  const fetched = client.fetchImage(image, { signal: controller.signal });
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  controller.abort(new Error('enough'));
  await expect(fetched).rejects.toThrow('enough');
});
