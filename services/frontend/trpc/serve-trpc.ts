import type { AnyTRPCProcedure, TRPCError } from '@trpc/server';
import { fastifyRequestHandler } from '@trpc/server/adapters/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { headersOf, isFault, toApiError } from '../http/api-error.ts';
import type { CallGuard } from '../http/guard-calls.ts';
import { requesterOf } from '../http/requester-of.ts';
import { refuseEncoding, textOf } from './body.ts';
import type { AppRouter } from './router/index.ts';
import { serveSubscription } from './serve-subscription.ts';

/** Calls at most in one batch. */
const BATCH_LIMIT = 20;

/**
 * Mounts the router at `/trpc`. Bodies are read as text, within the body limit, and parsed by tRPC;
 * anything but JSON in UTF-8 is refused.
 */
export function serveTrpc(app: FastifyInstance, router: AppRouter, guard: CallGuard): void {
  const procedures: Readonly<Record<string, AnyTRPCProcedure>> =
    // Flat at run time, whatever its type says.
    router._def.procedures as never;

  const handle = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { path } = request.params as { path: string };
    const onError = ({ error }: { error: TRPCError }) => {
      if (!isFault(error)) return;
      request.log.error({ err: error.cause ?? error, path }, 'procedure failed');
    };
    const procedure = Object.hasOwn(procedures, path) ? procedures[path] : undefined;
    const isBatch = (request.query as { batch?: string }).batch === '1';
    if (procedure?._def.type === 'subscription' && request.method === 'GET' && !isBatch) {
      await serveSubscription({
        procedure,
        path,
        request,
        reply,
        onError: (error) => onError({ error }),
      });
      return;
    }
    await fastifyRequestHandler<AppRouter, FastifyRequest, FastifyReply>({
      router,
      req: request,
      res: reply,
      path,
      createContext: ({ req }) => requesterOf(req),
      maxBatchSize: BATCH_LIMIT,
      onError,
      responseMeta: ({ errors }) => ({ headers: headersOf(errors.map(toApiError)) }),
    });
  };

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
