import { fastifyRequestHandler } from '@trpc/server/adapters/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { headersOf, isFault, toApiError } from '../http/api-error.ts';
import type { CallGuard } from '../http/guard-calls.ts';
import { requesterOf } from '../http/requester-of.ts';
import { refuseEncoding, textOf } from './body.ts';
import type { AppRouter } from './router/index.ts';

/** Calls at most in one batch. */
const BATCH_LIMIT = 20;

/**
 * Mounts the router at `/trpc`. Bodies are read as text, within the body limit, and parsed by tRPC;
 * anything but JSON in UTF-8 is refused.
 */
export function serveTrpc(app: FastifyInstance, router: AppRouter, guard: CallGuard): void {
  const handle = (req: FastifyRequest, res: FastifyReply) =>
    fastifyRequestHandler<AppRouter, FastifyRequest, FastifyReply>({
      router,
      req,
      res,
      path: (req.params as { path: string }).path,
      createContext: ({ req }) => requesterOf(req),
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

  // Encapsulated, so that the parsers are those of this adapter alone.
  app.register(async (trpc) => {
    trpc.removeAllContentTypeParsers();
    trpc.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      async (_request: FastifyRequest, body: Buffer) => textOf(body),
    );
    trpc.get('/trpc/:path', { onRequest: guard }, handle);
    trpc.post('/trpc/:path', { onRequest: [guard, refuseEncoding] }, handle);
  });
}
