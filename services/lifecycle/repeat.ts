import { sleep } from '@darkroom/timing';
import type { Logger } from './logger.ts';

/** No round takes longer: a request that nobody answers must not end the repetition. */
const ROUND_LIMIT_MS = 10_000;

export type Repetition = {
  /** Whether the last round went well; false until the first has ended. */
  isUp(): boolean;
  /** Aborts the round under way, and waits until it has settled. */
  stop(): Promise<void>;
};

/**
 * Does something in rounds: at once, and again after each pause. A failure is logged when it begins,
 * and when it is over; the next round comes all the same.
 *
 * Rounds never overlap. One that takes 10 s has failed, and its signal aborts. The next one and the
 * stop wait until it has settled, so it must pass the signal to every request, and write nothing
 * after it. The signal of a settled round aborts too: what it left behind ends with it.
 *
 * @param options.name what it does, for the log
 * @param options.pauseMs between two rounds, in milliseconds
 * @param options.onFailure called after each round that failed; not after one that the stop aborted
 */
export function repeat(
  task: (signal: AbortSignal) => Promise<void>,
  options: { name: string; pauseMs: number; logger: Logger; onFailure?: () => void },
): Repetition {
  const { name, pauseMs, logger, onFailure } = options;
  const stopping = new AbortController();
  let current = new AbortController();
  let wentWell: boolean | undefined;

  const oneRound = async (round: AbortController) => {
    const late = new Error(`no answer within ${ROUND_LIMIT_MS} ms`);
    const timer = setTimeout(() => round.abort(late), ROUND_LIMIT_MS);
    try {
      await task(round.signal);
      // It may have taken the abort for an answer.
      round.signal.throwIfAborted();
    } catch (error) {
      throw round.signal.aborted ? round.signal.reason : error;
    } finally {
      clearTimeout(timer);
      round.abort();
    }
  };
  const tryRound = async () => {
    current = new AbortController();
    try {
      await oneRound(current);
      if (wentWell === false) logger.info({ task: name }, 'works again');
      wentWell = true;
    } catch (error) {
      if (stopping.signal.aborted) return;
      const reason = reasonOf(error);
      if (wentWell !== false) logger.warn({ task: name, reason }, 'fails, and is tried again');
      wentWell = false;
      onFailure?.();
    }
  };
  const rounds = (async () => {
    while (!stopping.signal.aborted) {
      await tryRound();
      await sleep(pauseMs, stopping.signal);
    }
  })();
  return {
    isUp: () => wentWell === true,
    stop: async () => {
      stopping.abort();
      current.abort();
      await rounds;
    },
  };
}

/** `fetch failed` says little; what caused it says more. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
