import { TRPCClientError } from '@trpc/client';

/** The service could not be reached for as long as the client was told to be patient. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export type Patience = {
  /** The service's address, for the message. */
  url: string;
  /** How long the service may be out of reach, in milliseconds. */
  patienceMs: number;
  signal?: AbortSignal | undefined;
};

/** Statuses of a service that restarts, is overloaded, or hides behind a proxy that lost it. */
const PASSING = new Set([408, 429, 502, 503, 504]);

const responseOf = (error: unknown): Response | undefined =>
  error instanceof TRPCClientError ? (error.meta?.response as Response | undefined) : undefined;

/** When the service wants to be asked again, in milliseconds from now; 0 where it does not say. */
function retryAfterMs(error: unknown): number {
  const seconds = Number(responseOf(error)?.headers?.get('retry-after') ?? 0);
  return seconds > 0 ? seconds * 1_000 : 0;
}

/** The service is there and has had enough of this caller: its own words say more than ours. */
const isTooMany = (error: unknown): boolean => responseOf(error)?.status === 429;

/** Whether an attempt failed in a way that time may fix: no answer at all, or "not now". */
function isPassing(error: unknown): boolean {
  if (error instanceof HttpError) return PASSING.has(error.status);
  if (!(error instanceof TRPCClientError)) return error instanceof TypeError;
  const status = responseOf(error)?.status;
  return status === undefined ? error.data == null : PASSING.has(status);
}

/** An answer that is not the expected one, outside tRPC. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Repeats an attempt while the service is out of reach or overloaded, with growing pauses, none
 * shorter than the service asks for.
 *
 * @throws UnreachableError when patience ends, or its last refusal where this caller asks too much;
 *   any other failure of the attempt at once
 */
export async function persist<T>(attempt: () => Promise<T>, patience: Patience): Promise<T> {
  const { patienceMs, signal } = patience;
  const end = Date.now() + patienceMs;
  for (let growingMs = 100; ; growingMs = Math.min(growingMs * 2, 2_000)) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      const pauseMs = Math.max(growingMs, retryAfterMs(error));
      if (Date.now() + pauseMs > end) throw isTooMany(error) ? error : unreachable(patience, error);
      await pause(pauseMs, signal);
    }
  }
}

function unreachable({ url, patienceMs }: Patience, cause?: unknown): UnreachableError {
  const why = cause instanceof Error ? ` (${reasonOf(cause)})` : '';
  return new UnreachableError(
    `no answer from ${url} for ${Math.round(patienceMs / 1000)} s${why}; check that Darkroom runs there and that the address is right`,
    { cause },
  );
}

/** `fetch failed` says nothing; its innermost cause does. */
function reasonOf(error: Error): string {
  if (error.cause instanceof AggregateError && error.cause.errors[0] instanceof Error) {
    return reasonOf(error.cause.errors[0]);
  }
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
