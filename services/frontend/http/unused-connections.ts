import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Watches for connections on which no request has come yet. Node counts them as busy, so a server
 * that closes would wait for them until their headers time out, a minute or more.
 *
 * @returns a function that ends those there are
 */
export function trackUnusedConnections(server: Server): () => void {
  const unused = new Set<Socket>();
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return () => {
    for (const socket of unused) socket.destroy();
  };
}
