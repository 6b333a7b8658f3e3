import type { Logger } from '@darkroom/lifecycle';
import type { FastifyRequest } from 'fastify';
import type { Requester } from '../accept/requester.ts';
import type { Caller } from '../access/callers.ts';
import { callerOf } from './guard-calls.ts';
import { spanOf } from './trace-requests.ts';

/** Who asks by an HTTP request that the guard has let through, with its scopes. */
export const requesterOf = (request: FastifyRequest): Requester & { caller: Caller } => {
  const caller = callerOf(request);
  const { tenant, keyId, revoked } = caller;
  const log = request.log.child({ tenant, ...(keyId !== null && { keyId }) }) as Logger;
  return { caller, tenant, revoked, span: spanOf(request), log };
};
