import type { FastifyInstance } from 'fastify';

/** Closes the listener and waits for the requests in flight, then closes their connections. */
export async function closeWithin(app: FastifyInstance, graceMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
  await app.close().finally(() => clearTimeout(timer));
}
