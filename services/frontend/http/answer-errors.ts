import { DarkroomError } from '@darkroom/contract';
import { TRPCError } from '@trpc/server';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { headersOf, isFault, toApiError } from './api-error.ts';

/** Answers an error outside a procedure in the form that tRPC gives its own. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const apiError = toApiError(error);
  const { code, status, message, retryAfterS } = apiError;
  if (isFault(error)) request.log.error({ err: error }, 'request failed');
  // Whatever else such a caller sends is not waited for.
  if (status === 401 || status === 413) reply.header('connection', 'close');
  reply
    .code(status)
    .headers(headersOf([apiError]))
    .type('application/json')
    .send({
      error: {
        message,
        code: TRPC_ERROR_CODES_BY_KEY[code],
        data: {
          code,
          httpStatus: status,
          ...(retryAfterS && { retryAfterS }),
          traceId: request.id,
        },
      },
    });
}

/**
 * Answers a path that no route has with 404, and a method that the path's routes do not take with 405
 * and `Allow`. To be called before the routes are added.
 */
export function answerUnknownRoutes(app: FastifyInstance): void {
  const methodsOf = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    methodsOf.set(url, methods);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const shown = path.slice(0, 200);
    const taken = [...methodsOf].find(([route]) => takes(route, path))?.[1];
    if (taken === undefined) {
      const message =
        `there is nothing at ${shown}; procedures are at /trpc/NAME, such as ` +
        '/trpc/generations.create, and pictures where images[].url of a generation says';
      return answerError(new DarkroomError('not-found', message), request, reply);
    }
    const allowed = [...taken].sort().join(', ');
    reply.header('allow', allowed);
    const message = `${request.method} is not supported at ${shown}; use one of ${allowed}`;
    answerError(new TRPCError({ code: 'METHOD_NOT_SUPPORTED', message }), request, reply);
  });
}

/** Whether a path is one of a route's, whose parameters, as `:name`, are each one segment. */
function takes(route: string, path: string): boolean {
  const names = route.split('/');
  const parts = path.split('/');
  return (
    names.length === parts.length &&
    names.every((name, at) => (name.startsWith(':') ? parts[at] !== '' : parts[at] === name))
  );
}
