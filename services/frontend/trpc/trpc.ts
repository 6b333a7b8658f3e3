import type { Scope } from '@darkroom/contract';
import { initTRPC } from '@trpc/server';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import { requireScope } from '../access/callers.ts';
import { toApiError } from '../http/api-error.ts';
import type { requesterOf } from '../http/requester-of.ts';

/** Who asks, with the scopes of its key. */
type Context = ReturnType<typeof requesterOf>;

const t = initTRPC.context<Context>().create({
  // In development tRPC would add stack traces to its answers.
  isDev: false,
  errorFormatter: ({ shape, error, ctx }) => {
    const { code, status, message, retryAfterS } = toApiError(error);
    const { path } = shape.data;
    return {
      message,
      code: TRPC_ERROR_CODES_BY_KEY[code],
      data: {
        code,
        httpStatus: status,
        ...(retryAfterS !== undefined && { retryAfterS }),
        ...(path !== undefined && { path }),
        ...(ctx !== undefined && { traceId: ctx.span.spanContext().traceId }),
      },
    };
  },
  sse: {
    // Keeps proxies from closing a quiet watch, and lets clients notice a dead connection.
    ping: { enabled: true, intervalMs: 10_000 },
    client: { reconnectAfterInactivityMs: 30_000 },
  },
});

export const { router } = t;

const needing = (scope: Scope) =>
  t.procedure.use(({ ctx, next }) => {
    requireScope(ctx.caller, scope);
    return next();
  });

/** A procedure by the scope that its callers need; `open` takes every valid key. */
export const procedures = {
  open: t.procedure,
  read: needing('generations:read'),
  write: needing('generations:write'),
  system: needing('system:read'),
};
