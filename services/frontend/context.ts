import { type Logger, parseTraceparent, startTrace, type TraceContext } from '@darkroom/lifecycle';
import type { FastifyRequest } from 'fastify';

/** Owner of every record until callers are told apart. */
export const TENANT = 'default';

/** What a procedure knows of the request it answers. */
export type RequestContext = {
  tenant: string;
  /** The frontend's span in the caller's trace, or in one of its own. */
  trace: TraceContext;
  /** Carries the trace id. */
  log: Logger;
};

/** A request's id is the `traceparent` of its span; see `createFrontend`. */
export const traceOf = (request: FastifyRequest): TraceContext =>
  parseTraceparent(request.id) ?? startTrace();

export const createContext = ({ req }: { req: FastifyRequest }): RequestContext => ({
  tenant: TENANT,
  trace: traceOf(req),
  log: req.log as Logger,
});
