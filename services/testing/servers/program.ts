import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

let keeper: ChildProcess | undefined;

/**
 * Tells the keeper, which cleans up when this process ends without doing so itself: `group PID`,
 * `mount PATH`, `folder PATH`, and `forget WHAT`.
 */
export function tellKeeper(line: string): void {
  if (keeper === undefined) {
    keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    keeper.unref();
    const { stdin } = keeper;
    if (stdin !== null && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  }
  keeper.stdin?.write(`${line}\n`);
}

/** A new folder under the system's temporary one, removed by `removeFolder` or the keeper. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `darkroom-${name}-`));
  tellKeeper(`folder ${folder}`);
  return folder;
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  tellKeeper(`forget ${folder}`);
}

export type Program = {
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** Ends it in good order; SIGTERM unless told otherwise. */
  stopSignal?: NodeJS.Signals;
};

export type RunningProgram = {
  readonly pid: number;
  /** To it and all it started. */
  signal(signal: NodeJS.Signals): void;
  /** Rejects with the end of its output when it ends before `until` says true. */
  waitUntil(until: () => Promise<boolean>, seconds: number): Promise<void>;
  /** Ends it and all it started, in good order, or by force after ten seconds. */
  stop(): Promise<void>;
  /** SIGKILL to it and all it started. */
  kill(): Promise<void>;
};

/** Starts a program as the leader of its own process group, so that Ctrl-C here does not reach it. */
export function startProgram(program: Program): RunningProgram {
  const { name, command, args, stopSignal = 'SIGTERM', ...options } = program;
  const child = spawn(command, args, {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.unref();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4_000);
    });
  }
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `ended with ${signal ?? `exit code ${code}`}`;
  });
  // Not `exit`: its children hold its output, and perhaps its ports, for a moment longer.
  const gone = once(child, 'close').catch(() => {});
  const pid = child.pid ?? 0;
  if (pid > 0) tellKeeper(`group ${pid}`);

  const signalGroup = (signal: NodeJS.Signals): void => {
    try {
      if (pid > 0) process.kill(-pid, signal);
    } catch {
      // The group is gone.
    }
  };
  const kill = async (): Promise<void> => {
    signalGroup('SIGKILL');
    // Nothing else may keep the event loop going until it has ended.
    child.ref();
    await gone;
    tellKeeper(`forget ${pid}`);
  };

  return {
    pid,
    signal: signalGroup,
    async waitUntil(until, seconds) {
      const deadline = Date.now() + seconds * 1_000;
      while (!(await until())) {
        if (ended !== undefined || Date.now() > deadline) {
          await kill();
          throw new Error(`${name} ${ended ?? `was not ready after ${seconds} s`}:\n${output}`);
        }
        await delay(50);
      }
    },
    async stop() {
      if (ended === undefined) child.kill(stopSignal);
      child.ref();
      await Promise.race([gone, delay(10_000, undefined, { ref: false })]);
      await kill();
    },
    kill,
  };
}

/** A TCP port of the loopback address that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port was assigned');
  return address.port;
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
