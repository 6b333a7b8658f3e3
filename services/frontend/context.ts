import { type Logger, parseTraceparent, startTrace, type TraceContext } from '@darkroom/lifecycle';
import type { FastifyRequest } from 'fastify';
import type { Caller } from './access/callers.ts';
import { callerOf } from './access/guard-calls.ts';

/** What a procedure knows of the request it answers. */
export type RequestContext = {
  caller: Caller;
  /** Of the caller. */
  tenant: string;
  /** The frontend's span in the caller's trace, or in one of its own. */
  trace: TraceContext;
  /** Carries the trace id, the tenant and the id of its key. */
  log: Logger;
};

/** A request's id is the `traceparent` of its span; see `createFrontend`. */
export const traceOf = (request: FastifyRequest): TraceContext =>
  parseTraceparent(request.id) ?? startTrace();

export const createContext = ({ req }: { req: FastifyRequest }): RequestContext => {
  const caller = callerOf(req);
  const { tenant, keyId } = caller;
  const log = req.log.child({ tenant, ...(keyId !== null && { keyId }) }) as Logger;
  return { caller, tenant, trace: traceOf(req), log };
};
