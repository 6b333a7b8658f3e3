import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

/** A program that ended by itself is tried again after so long: what it needs may not be there yet. */
const RETRY_MS = 5_000;
/** Between the first signal, which asks for a graceful end, and the second, which does not. */
const HURRY_AFTER_MS = 50;
const KILL_AFTER_MS = 2_000;

type Options = { start: () => ChildProcess; say: (line: string) => void };

/** A program that is run again whenever its code changes or it ends by itself. */
export type KeptProgram = {
  /** Runs it anew. */
  changed(): void;
  /** Passes a signal on, and lets the program end. */
  stop(signal: NodeJS.Signals): void;
  /** Its exit code, once it was stopped. */
  ended: Promise<number>;
};

export function keepRunning({ start, say }: Options): KeptProgram {
  let child: ChildProcess | undefined;
  let stopped = false;
  /** Resolved by the next change, or by the stop. */
  let event = Promise.withResolvers<'event'>();
  const happened = () => event.resolve('event');

  const run = async (): Promise<number> => {
    for (;;) {
      event = Promise.withResolvers();
      child = start();
      const running = child;
      const ended = exitOf(running);
      const first = await Promise.race([ended, event.promise]);
      if (stopped) return ended;
      if (first === 'event') {
        say('the code has changed; the program starts anew');
        await endQuickly(running, ended);
        continue;
      }
      say(`the program has ended with ${first}; it starts anew when its code changes, or in 5 s`);
      const waiting = new AbortController();
      const retry = pause(RETRY_MS, undefined, { signal: waiting.signal }).catch(() => {});
      await Promise.race([retry, event.promise]);
      waiting.abort();
      if (stopped) return first;
    }
  };

  return {
    ended: run(),
    changed: happened,
    stop: (signal) => {
      stopped = true;
      child?.kill(signal);
      happened();
    },
  };
}

/** The exit code; of a program that a signal ended, 1. */
async function exitOf(child: ChildProcess): Promise<number> {
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

/** A worker hands its job back on the second signal, and a frontend waits for no request. */
async function endQuickly(child: ChildProcess, ended: Promise<number>): Promise<void> {
  child.kill('SIGTERM');
  const hurry = setTimeout(() => child.kill('SIGTERM'), HURRY_AFTER_MS);
  const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await ended;
  clearTimeout(hurry);
  clearTimeout(kill);
}
