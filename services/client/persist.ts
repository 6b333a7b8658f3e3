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

/** Whether an attempt failed in a way that time may mend: no answer at all, or "not now". */
function isPassing(error: unknown): boolean {
  if (error instanceof HttpError) return PASSING.has(error.status);
  if (!(error instanceof TRPCClientError)) return error instanceof TypeError;
  const status = (error.meta?.response as Response | undefined)?.status;
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
 * Repeats an attempt while the service is out of reach, with growing pauses.
 *
 * @throws UnreachableError when patience ends; any other failure of the attempt at once
 */
export async function persist<T>(attempt: () => Promise<T>, patience: Patience): Promise<T> {
  const { patienceMs, signal } = patience;
  const end = Date.now() + patienceMs;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 2_000)) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      if (Date.now() + pauseMs > end) throw unreachable(patience, error);
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
