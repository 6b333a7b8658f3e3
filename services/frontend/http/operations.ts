import type { Metrics, Probes } from '@darkroom/lifecycle';
import type { FastifyInstance } from 'fastify';

/** Logged at `debug` only. */
export const operationsPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Serves the probes and the metrics beside the calls, for a process that has one port. A frontend's
 * own process serves them on a port that callers do not reach.
 */
export function serveOperations(app: FastifyInstance, probes: Probes, metrics: Metrics): void {
  app.get('/healthz', async () => ({ status: 'alive' }));

  app.get('/readyz', async (_request, reply) => {
    const readiness = await probes.readiness();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });

  app.get('/metrics', async (_request, reply) => {
    const text = await metrics.metrics();
    return reply.type(metrics.contentType).send(text);
  });
}
