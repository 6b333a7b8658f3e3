import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { listenHost } from './listen-host.ts';
import { loadConfig } from './load-config.ts';
import { variables } from './variables.ts';

/** What Node binds an IPv6 address with; returns 0 or a negative error number. */
type Tcp = { prototype: { bind6: (...args: unknown[]) => number } };
const { TCP } = (process as unknown as { binding(name: string): { TCP: Tcp } }).binding('tcp_wrap');
const { bind6 } = TCP.prototype;
afterEach(() => {
  TCP.prototype.bind6 = bind6;
});

const EAFNOSUPPORT = -97;
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

/** Starts a server on the default of `HOST` and says at which loopback addresses it answers. */
async function answersAt(): Promise<string[]> {
  const { HOST } = loadConfig(z.object({ HOST: variables.HOST }), {});
  const server = createServer((socket) => socket.on('error', () => {}).end()).listen(
    0,
    await listenHost(HOST),
  );
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answers = await Promise.all(
    ['127.0.0.1', '::1'].map(
      (host) =>
        new Promise<string[]>((resolve) => {
          const socket = connect({ host, port });
          const settle = (found: string[]) => {
            resolve(found);
            socket.destroy();
          };
          socket.once('connect', () => settle([host])).on('error', () => settle([]));
        }),
    ),
  );
  server.close();
  return answers.flat();
}

test('by default a service answers at IPv4 and IPv6 addresses', async () => {
  expect(await answersAt()).toEqual(hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']);
});

test('by default a service answers at IPv4 addresses where there is no IPv6', async () => {
  TCP.prototype.bind6 = () => EAFNOSUPPORT;
  expect(await answersAt()).toEqual(['127.0.0.1']);
});

test.each(['127.0.0.1', '::1', '0.0.0.0', 'localhost'])(
  'HOST=%s is taken as it is',
  async (host) => {
    expect(await listenHost(host)).toBe(host);
  },
);
