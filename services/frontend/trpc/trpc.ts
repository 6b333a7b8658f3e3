import type { Scope } from '@darkroom/contract';
import { initTRPC, type TRPCError } from '@trpc/server';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import { requireScope } from '../access/callers.ts';
import { toApiError } from '../http/api-error.ts';
import type { requesterOf } from '../http/requester-of.ts';

/** Who asks, with the scopes of its key. */
type Context = ReturnType<typeof requesterOf>;

/** An error as tRPC's clients read it. */
export function errorShape(
  error: TRPCError,
  path: string | undefined,
  ctx: Pick<Context, 'span'> | undefined,
) {
  const { code, status, message, retryAfterS } = toApiError(error);
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
}

const t = initTRPC.context<Context>().create({
  // In development tRPC would add stack traces to its answers.
  isDev: false,
  errorFormatter: ({ shape, error, ctx }) => errorShape(error, shape.data.path, ctx),
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
