import { DarkroomError } from '@darkroom/contract';
import { TRPCError } from '@trpc/server';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { headersOf, isFault, toApiError } from './api-error.ts';
import { traceOf } from './requester-of.ts';

/** Answers an error outside a procedure in the form that tRPC gives its own. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const apiError = toApiError(error);
  const { code, status, message, retryAfterS } = apiError;
  if (isFault(error)) request.log.error({ err: error }, 'request failed');
  // Whatever else such a caller sends is not waited for.
  if (status === 401 || status === 413) reply.header('connection', 'close');
  const { traceId } = traceOf(request);
  reply
    .code(status)
    .headers(headersOf([apiError]))
    .type('application/json')
    .send({
      error: {
        message,
        code: TRPC_ERROR_CODES_BY_KEY[code],
        data: { code, httpStatus: status, ...(retryAfterS && { retryAfterS }), traceId },
      },
    });
}

/** For a path or method that no route takes. */
export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?')[0] ?? '';
  const wrongMethod = path.startsWith('/trpc/');
  if (wrongMethod) reply.header('allow', 'GET, POST');
  const error = wrongMethod
    ? new TRPCError({
        code: 'METHOD_NOT_SUPPORTED',
        message: `${request.method} is not supported; queries are GET, mutations POST`,
      })
    : new DarkroomError(
        'not-found',
        `there is nothing at ${path.slice(0, 200)}; procedures are under /trpc`,
      );
  answerError(error, request, reply);
}
