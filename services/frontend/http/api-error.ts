import { DarkroomError, type ErrorKind, readableIssues } from '@darkroom/contract';
import { TRPCError } from '@trpc/server';
import { getHTTPStatusCodeFromError } from '@trpc/server/http';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import { z } from 'zod';

type Code = TRPCError['code'];

/** An error as callers see it. */
export type ApiError = {
  code: Code;
  status: number;
  message: string;
  /** When to come again, in seconds: with every 429 and 503. */
  retryAfterS?: number;
};

const CODES: Readonly<Record<ErrorKind, Code>> = {
  request: 'BAD_REQUEST',
  unauthenticated: 'UNAUTHORIZED',
  forbidden: 'FORBIDDEN',
  'not-found': 'NOT_FOUND',
  conflict: 'CONFLICT',
  'too-many': 'TOO_MANY_REQUESTS',
  unavailable: 'SERVICE_UNAVAILABLE',
  damaged: 'BAD_GATEWAY',
  configuration: 'SERVICE_UNAVAILABLE',
};

const HIDDEN =
  'something went wrong inside Darkroom; its log says more, under the trace id of this answer';

const AWAY =
  'Darkroom cannot answer now, because something that it depends on is not available; try again ' +
  'shortly. Its log says more, under the trace id of this answer';

/** Largest body, in bytes. */
export const BODY_LIMIT = 1024 * 1024;

/** Longest parameter of a path, in characters: a batch names all its procedures in one. */
export const PATH_PART_LIMIT = 2_000;

/** How long a caller waits before it tries again, where nobody knows better, in seconds. */
const RETRY_AFTER_S = 2;

/** Asked for once: tRPC tells the status of an error, and to make one for each refusal is expensive. */
const STATUSES = new Map(
  (Object.keys(TRPC_ERROR_CODES_BY_KEY) as Code[]).map((code) => [
    code,
    getHTTPStatusCodeFromError(new TRPCError({ code })),
  ]),
);

const apiError = (code: Code, message: string, retryAfterS = RETRY_AFTER_S): ApiError => {
  const status = STATUSES.get(code) ?? 500;
  return { code, status, message, ...((status === 429 || status === 503) && { retryAfterS }) };
};

/** The headers that an answer with these errors carries. */
export function headersOf(errors: readonly ApiError[]): Record<string, string> {
  const waits = errors.flatMap(({ retryAfterS }) => retryAfterS ?? []);
  return {
    ...(waits.length > 0 && { 'retry-after': String(Math.ceil(Math.max(1, ...waits))) }),
    ...(errors.some(({ status }) => status === 401) && {
      'www-authenticate': 'Bearer realm="darkroom"',
    }),
  };
}

/**
 * The one place where errors become answers. A caller reads the message of what it can correct; of
 * everything else only that it happened, because those messages are for operators.
 */
export function toApiError(error: unknown): ApiError {
  if (error instanceof TRPCError) return fromTrpc(error);
  if (error instanceof DarkroomError) return fromDarkroom(error);
  return fromFastify(error) ?? apiError('INTERNAL_SERVER_ERROR', HIDDEN);
}

/**
 * Whether an error is a fault to look into. A refusal that says when to come again is none, and a
 * line for each would be one more load on what is overloaded.
 */
export function isFault(error: unknown): boolean {
  const cause = error instanceof TRPCError ? error.cause : error;
  const refused = cause instanceof DarkroomError && cause.retryAfterS !== undefined;
  return toApiError(error).status >= 500 && !refused;
}

function fromTrpc(error: TRPCError): ApiError {
  const { cause, code } = error;
  if (cause instanceof DarkroomError) return fromDarkroom(cause);
  if (code === 'BAD_REQUEST' && cause instanceof z.ZodError) {
    return apiError(code, readableIssues(cause));
  }
  if (code === 'BAD_REQUEST' && cause instanceof SyntaxError) {
    return apiError(code, `the input is not JSON: ${cause.message}`);
  }
  return apiError(code, code === 'INTERNAL_SERVER_ERROR' ? HIDDEN : error.message);
}

function fromDarkroom({ kind, message, retryAfterS, expose }: DarkroomError): ApiError {
  return apiError(CODES[kind], expose ? message : AWAY, retryAfterS);
}

/** Fastify refuses what it cannot parse with a code and a status of its own. */
function fromFastify(error: unknown): ApiError | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const status = Number(error.statusCode);
  switch (status) {
    case 413:
      return apiError('PAYLOAD_TOO_LARGE', `the body is larger than ${BODY_LIMIT / 1024} KiB`);
    case 415:
      return apiError('UNSUPPORTED_MEDIA_TYPE', 'send the body as content-type: application/json');
    case 414:
      return {
        ...apiError(
          'BAD_REQUEST',
          `a part of the path is longer than ${PATH_PART_LIMIT} characters; name fewer procedures in one batch`,
        ),
        status,
      };
    default:
      return status >= 400 && status < 500
        ? { ...apiError('BAD_REQUEST', error.message), status }
        : undefined;
  }
}
