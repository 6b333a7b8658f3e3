import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type { InferenceSession } from './runtime.ts';

type Run = InferenceSession['run'];

/** Of all sessions of the process: the runtime does one at a time, on the thread that asks for it. */
let runs = 0;
let ended = Promise.withResolvers<void>();

/** A session's `run`, seen by `otherRuns`. */
export function watchedRun(session: Pick<InferenceSession, 'run'>): Run {
  const run = session.run.bind(session);
  return (async (...args: Parameters<Run>) => {
    runs += 1;
    try {
      return await run(...args);
    } finally {
      runs -= 1;
      ended.resolve();
      ended = Promise.withResolvers();
    }
  }) as Run;
}

/**
 * Resolves once no run is on and none has been asked for since the last one ended: who was waiting for it has
 * then asked for its next.
 */
export async function otherRuns(): Promise<void> {
  for (;;) {
    await turnOfEventLoop();
    if (runs === 0) return;
    await ended.promise;
  }
}
