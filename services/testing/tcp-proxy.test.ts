import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startTcpProxy } from './tcp-proxy.ts';

/** A server that answers every byte with the same byte, a proxy before it, and a client. */
async function connected() {
  const atServer: Socket[] = [];
  const server = createServer((socket) => {
    atServer.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const proxy = await startTcpProxy(typeof address === 'object' ? (address?.port ?? 0) : 0);
  const open = () => {
    const socket = connect(proxy.port, '127.0.0.1');
    let text = '';
    let ended = false;
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      ended = true;
    });
    onTestFinished(() => void socket.destroy());
    return { socket, text: () => text, ended: () => ended };
  };
  onTestFinished(async () => {
    await proxy.close();
    server.close();
  });
  const client = open();
  client.socket.write('a');
  await vi.waitFor(() => expect(client.text()).toBe('a'));
  return { proxy, client, open, atServer };
}

/** Long enough for what may come to come: several round trips of the loopback. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 60));

test('cut: open connections end, and new ones as long as it lasts', async () => {
  const { proxy, client, open, atServer } = await connected();
  proxy.set({ kind: 'cut' });
  await vi.waitFor(() => expect(client.ended()).toBe(true));
  await vi.waitFor(() => expect(atServer[0]?.destroyed).toBe(true));
  const refused = open();
  await vi.waitFor(() => expect(refused.ended()).toBe(true));
  proxy.set(undefined);
  const taken = open();
  taken.socket.write('b');
  await vi.waitFor(() => expect(taken.text()).toBe('b'));
});

test('cut with new connections held: they are served once it is over', async () => {
  const { proxy, client, open } = await connected();
  proxy.set({ kind: 'cut', fresh: 'held' });
  await vi.waitFor(() => expect(client.ended()).toBe(true));
  const held = open();
  held.socket.write('b');
  await aMoment();
  expect(held.ended()).toBe(false);
  expect(held.text()).toBe('');
  proxy.set(undefined);
  await vi.waitFor(() => expect(held.text()).toBe('b'));
});

test('delay: what is sent comes later and in order, also when the delay ends meanwhile', async () => {
  const { proxy, client } = await connected();
  proxy.set({ kind: 'delay', ms: 100 });
  const began = performance.now();
  client.socket.write('b');
  await aMoment();
  expect(client.text()).toBe('a');
  proxy.set(undefined);
  client.socket.write('c');
  await vi.waitFor(() => expect(client.text()).toBe('abc'));
  expect(performance.now() - began).toBeGreaterThanOrEqual(95);
});

test('throttle: bytes take the time of their number', async () => {
  const { proxy, client } = await connected();
  proxy.set({ kind: 'throttle', bytesPerSecond: 1_000 });
  const began = performance.now();
  client.socket.write('b'.repeat(100));
  await aMoment();
  client.socket.write('c');
  await vi.waitFor(() => expect(client.text()).toHaveLength(102));
  expect(performance.now() - began).toBeGreaterThanOrEqual(95);
});

test('half-open: bytes vanish and no end is told; the connection stays dead, new ones live', async () => {
  const { proxy, client, open } = await connected();
  proxy.set({ kind: 'half-open', lost: 'both' });
  client.socket.write('b');
  await aMoment();
  proxy.set(undefined);
  client.socket.write('c');
  const other = open();
  other.socket.write('d');
  await vi.waitFor(() => expect(other.text()).toBe('d'));
  expect(client.text()).toBe('a');
  expect(client.ended()).toBe(false);
});

test('half-open for answers: requests arrive', async () => {
  const { proxy, client, atServer } = await connected();
  const arrived: string[] = [];
  atServer[0]?.on('data', (chunk) => arrived.push(String(chunk)));
  proxy.set({ kind: 'half-open', lost: 'answers' });
  client.socket.write('b');
  await vi.waitFor(() => expect(arrived).toEqual(['b']));
  await aMoment();
  expect(client.text()).toBe('a');
});

test('half-open: an end is told when the trouble is over', async () => {
  const { proxy, client, atServer } = await connected();
  proxy.set({ kind: 'half-open', lost: 'both' });
  client.socket.destroy();
  await aMoment();
  expect(atServer[0]?.destroyed).toBe(false);
  proxy.set(undefined);
  await vi.waitFor(() => expect(atServer[0]?.destroyed).toBe(true));
});
