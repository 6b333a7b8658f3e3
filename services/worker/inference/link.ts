import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { MemoryState } from '@darkroom/diffusion';
import type { Logger } from '@darkroom/lifecycle';
import type { ChildMessage, ParentMessage } from './protocol.ts';

/** The process is gone; what it was doing can go on in another. */
export class ChildDied extends Error {
  override readonly name = 'ChildDied';
}

type Done<T> = { resolve(value: T): void; reject(error: unknown): void };

/** The parent's end of the talk with one inference process. */
export type Link = {
  say(message: ParentMessage): void;
  /**
   * Hears all messages until `done` is called. Rejects with ChildDied when the process ends, or is
   * silent for `silenceMs`, whoever it could have spoken to, and is killed for it.
   */
  listen<T>(silenceMs: number, hear: (message: ChildMessage, done: Done<T>) => void): Promise<T>;
  /** What the child told last of its models' memory. */
  memory(): MemoryState | undefined;
  /** Resolves once the process is gone, with how it ended. */
  readonly gone: Promise<ChildDied>;
};

/** How many of the child's last lines are kept to explain its death. */
const LAST_LINES = 10;

export function linkTo(child: ChildProcess, logger: Logger): Link {
  const log = logger.child({ inferencePid: child.pid });
  const lastLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    readLines(stream, (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      log.warn({ line }, 'the inference process wrote');
    });
  }

  let killedFor: string | undefined;
  const gone = new Promise<ChildDied>((resolve) => {
    const tell = (how: string) => {
      const words = lastLines.length === 0 ? '' : `; its last words:\n${lastLines.join('\n')}`;
      resolve(new ChildDied(`the inference process (pid ${child.pid}) ${how}${words}`));
    };
    child.once('close', (code, signal) =>
      tell(killedFor ?? (signal === null ? `ended with code ${code}` : `was ended by ${signal}`)),
    );
    child.once('error', (error) => tell(`could not be started: ${error.message}`));
  });

  const listeners = new Set<(message: ChildMessage) => void>();
  let memory: MemoryState | undefined;
  child.on('message', (message) => {
    const said = message as ChildMessage;
    if (said.type === 'log') log[said.level](said.fields, said.message);
    else if (said.type === 'memory') memory = said.state;
    else for (const hear of listeners) hear(said);
  });

  return {
    gone,
    memory: () => memory,
    say: (message) => {
      // A child that is gone hears nothing, and `gone` tells; so a failure to send is no news.
      if (child.connected) child.send(message, () => {});
    },
    listen: <T>(silenceMs: number, each: (message: ChildMessage, done: Done<T>) => void) => {
      const watchdog = startWatchdog(silenceMs, () => {
        killedFor = `said nothing for ${silenceMs} ms and was killed`;
        child.kill('SIGKILL');
      });
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const hear = (message: ChildMessage) => {
        watchdog.heard();
        each(message, { resolve, reject });
      };
      listeners.add(hear);
      void gone.then(reject);
      return promise.finally(() => {
        listeners.delete(hear);
        watchdog.stop();
      });
    },
  };
}

function readLines(stream: Readable | null, each: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', each);
}

/** Calls `bite` once nothing was heard for `silenceMs`. */
function startWatchdog(silenceMs: number, bite: () => void) {
  let heardAt = performance.now();
  let stopped = false;
  const look = () => {
    // Where this process itself was held up, the child's messages wait to be read: let the event
    // loop read them before judging.
    setImmediate(() => {
      if (stopped) return;
      const left = heardAt + silenceMs - performance.now();
      if (left <= 0) bite();
      else timer = setTimeout(look, left);
    });
  };
  let timer = setTimeout(look, silenceMs);
  return {
    heard: () => {
      heardAt = performance.now();
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
