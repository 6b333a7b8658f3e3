import type { Logger } from '@darkroom/lifecycle';
import { sleep, withTimeLimit } from '@darkroom/timing';

/** No round takes longer: a request that nobody answers must not end the repetition. */
const ROUND_LIMIT_MS = 10_000;

export type Repetition = { stop(): Promise<void> };

/**
 * Does something at once and again after each pause. A failure is logged when it begins, and when
 * it is over; the next round comes all the same.
 *
 * @param options.name what it does, for the log
 */
export function repeat(
  task: () => Promise<void>,
  options: { name: string; pauseMs: number; logger: Logger },
): Repetition {
  const { name, pauseMs, logger } = options;
  const stop = new AbortController();
  const late = () => new Error(`no answer within ${ROUND_LIMIT_MS} ms`);
  let failing = false;
  const round = async () => {
    try {
      await withTimeLimit(task(), { ms: ROUND_LIMIT_MS, late, signal: stop.signal });
      if (failing) logger.info({ task: name }, 'works again');
      failing = false;
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!failing)
        logger.warn({ task: name, reason: reasonOf(error) }, 'fails, and is tried again');
      failing = true;
    }
  };
  const loop = (async () => {
    while (!stop.signal.aborted) {
      await round();
      await sleep(pauseMs, stop.signal);
    }
  })();
  return {
    stop: async () => {
      stop.abort();
      await loop;
    },
  };
}

/** `fetch` says why it failed in the cause alone. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
