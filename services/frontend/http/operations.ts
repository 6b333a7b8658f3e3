import type { Metrics, Probes } from '@darkroom/lifecycle';
import type { FastifyInstance } from 'fastify';

/** What those ask who run the service; logged at `debug` only. */
export const operationsPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

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
