import { DarkroomError } from '@darkroom/contract';

export type Answer = {
  response: Response;
  /** The body, read once; ends its connection where it is not read to the end. */
  content(): AsyncIterable<Uint8Array>;
};

/**
 * Sends a GET and resolves with the head of the answer, whatever its status. Redirects are followed, and
 * as the Fetch standard says, `Authorization` does not go along to another origin.
 *
 * @param options.stallMs how long nothing may come, of the head or of the body
 * @throws DarkroomError (`unavailable`) where the connection fails or stalls, also while the content is
 *   read; `signal.reason` when aborted
 */
export async function ask(
  url: string,
  options: { headers: Record<string, string>; signal: AbortSignal; stallMs: number },
): Promise<Answer> {
  const { headers, signal, stallMs } = options;
  const stall = new AbortController();
  const watch = () =>
    setTimeout(() => stall.abort(new Error(`nothing came for ${stallMs / 1000} s`)), stallMs);
  const failed = (error: unknown): unknown => {
    if (signal.aborted) return signal.reason;
    return new DarkroomError(
      'unavailable',
      `the connection to ${new URL(url).origin} failed (${reasonOf(error)}); check HF_ENDPOINT, the network and a proxy, then try again`,
      { cause: error },
    );
  };
  signal.throwIfAborted();
  let timer = watch();
  let response: Response;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.any([signal, stall.signal]) });
  } catch (error) {
    throw failed(error);
  } finally {
    clearTimeout(timer);
  }
  return {
    response,
    async *content() {
      const reader = response.body?.getReader();
      try {
        while (reader !== undefined) {
          timer = watch();
          const { done, value } = await reader.read().finally(() => clearTimeout(timer));
          if (done) return;
          yield value;
        }
      } catch (error) {
        throw failed(error);
      } finally {
        await reader?.cancel().catch(() => {});
      }
    },
  };
}

/** `fetch failed` says little; what caused it says more. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const inner = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (inner instanceof Error) return reasonOf(inner);
  return error instanceof Error ? error.message : String(error);
}
