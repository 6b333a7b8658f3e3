import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller, Callers } from '../access/callers.ts';
import { createRateLimit } from '../access/rate-limit.ts';
import { createWatchPlaces } from './watch-places.ts';

/** Stands before a route: who calls is known before a body is read, and counted. */
export type CallGuard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const CALLER = 'caller';

/** The caller of a request that the guard has let through. */
export const callerOf = (request: FastifyRequest): Caller => request.getDecorator<Caller>(CALLER);

export function createCallGuard(app: FastifyInstance, callers: Callers): CallGuard {
  app.decorateRequest(CALLER);
  const rate = createRateLimit(callers);
  const watches = createWatchPlaces(callers);
  return async (request, reply) => {
    const caller = callers.identify(request.headers.authorization);
    request.setDecorator(CALLER, caller);
    const { path = '' } = request.params as { path?: string };
    await rate.count(caller.tenant, path.split(',').length);
    if (path === 'generations.watch') watches.take(caller.tenant, reply.raw);
  };
}
