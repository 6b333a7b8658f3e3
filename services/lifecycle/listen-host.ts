import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/**
 * The address to listen on for `HOST`: `::` (every address, IPv6 and IPv4) becomes `0.0.0.0` (every
 * IPv4 address) where this machine has no IPv6. Others are returned as they are.
 */
export async function listenHost(host: string): Promise<string> {
  if (host !== '::') return host;
  // Without an address Node itself binds `::`, or `0.0.0.0` where it cannot.
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { address } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return address;
}
