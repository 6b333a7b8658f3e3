import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { FrontendMetrics } from '../metrics.ts';
import { operationsPaths } from './operations.ts';
import { endRequestSpan } from './trace-requests.ts';

/** What there is to call, by name. */
type Procedures = Readonly<Record<string, { _def: { type: string } }>>;

/**
 * Logs and measures each request once and ends its span, when its answer is out. Counts those in
 * flight; a watch is none, for it stays open while nothing happens.
 */
export function observeRequests(
  app: FastifyInstance,
  { requests, requestsInFlight }: Pick<FrontendMetrics, 'requests' | 'requestsInFlight'>,
  procedures: Procedures,
): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isWatch(request, procedures)) return;
    requestsInFlight.add(1);
    // Also where the caller goes before the answer is out.
    reply.raw.once('close', () => requestsInFlight.add(-1));
  });
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

const pathOf = (request: FastifyRequest) => ((request.params ?? {}) as { path?: string }).path;

function isWatch(request: FastifyRequest, procedures: Procedures): boolean {
  const path = pathOf(request) ?? '';
  return Object.hasOwn(procedures, path) && procedures[path]?._def.type === 'subscription';
}

/** From a list that callers cannot lengthen. */
function routeOf(request: FastifyRequest, procedures: Procedures): string {
  const path = pathOf(request);
  if (path === undefined) return request.routeOptions.url ?? 'unknown';
  const has = (name: string) => Object.hasOwn(procedures, name);
  if (has(path)) return path;
  return path.split(',').every(has) ? 'batch' : 'unknown';
}
