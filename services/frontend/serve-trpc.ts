import { fastifyRequestHandler } from '@trpc/server/adapters/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CallGuard } from './access/guard-calls.ts';
import { headersOf, isFault, toApiError } from './api-error.ts';
import { createContext } from './context.ts';
import type { AppRouter } from './router/index.ts';

/** Calls at most in one batch. */
const BATCH_LIMIT = 20;

/**
 * Mounts the router at `/trpc`. Bodies are read as text, within the body limit, and parsed by tRPC;
 * anything but JSON is refused.
 */
export function serveTrpc(app: FastifyInstance, router: AppRouter, guard: CallGuard): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });

  const handle = (req: FastifyRequest, res: FastifyReply) =>
    fastifyRequestHandler<AppRouter, FastifyRequest, FastifyReply>({
      router,
      req,
      res,
      path: (req.params as { path: string }).path,
      createContext,
      maxBatchSize: BATCH_LIMIT,
      onError: ({ error, path }) => {
        if (!isFault(error)) return;
        req.log.error({ err: error.cause ?? error, path }, 'procedure failed');
      },
      responseMeta: ({ type, errors }) => ({
        headers: {
          // The end of a watch is the end of its connection: nothing to wait for at shutdown.
          ...(type === 'subscription' && { connection: 'close' }),
          ...headersOf(errors.map(toApiError)),
        },
      }),
    });
  app.get('/trpc/:path', { onRequest: guard }, handle);
  app.post('/trpc/:path', { onRequest: guard }, handle);
}
