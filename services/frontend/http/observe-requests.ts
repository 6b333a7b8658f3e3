import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FrontendMetrics } from '../metrics.ts';
import { operationsPaths } from './operations.ts';
import { endRequestSpan } from './trace-requests.ts';

/** Logs and measures each request once and ends its span, when its answer is out. */
export function observeRequests(
  app: FastifyInstance,
  { requests }: Pick<FrontendMetrics, 'requests'>,
  procedures: ReadonlySet<string>,
): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = routeOf(request, procedures);
    const { method } = request;
    const { statusCode: status, elapsedTime: ms } = reply;
    requests.record(ms / 1e3, { route, method, status });
    endRequestSpan(request, reply, route);
    const level = operationsPaths.has(route) ? 'debug' : 'info';
    request.log[level]({ method, route, status, ms: Math.round(ms * 10) / 10 }, 'request');
  });
}

/** From a list that callers cannot lengthen. */
function routeOf(request: FastifyRequest, procedures: ReadonlySet<string>): string {
  const { path } = (request.params ?? {}) as { path?: string };
  if (path === undefined) return request.routeOptions.url ?? 'unknown';
  if (procedures.has(path)) return path;
  return path.split(',').every((each) => procedures.has(each)) ? 'batch' : 'unknown';
}
