import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { LogLine } from './pinhole-inference.ts';

/** A process that logs JSON lines on stdout; killed when its test is over, however that ends. */
export type ServiceProcess = {
  readonly pid: number;
  /** What it has logged. */
  readonly lines: LogLine[];
  /** What it wrote on stderr. */
  stderr(): string;
  /** The first line whose message begins so, logged already or still to come. */
  line(beginning: string): Promise<LogLine>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves to the exit code, or to the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
};

/**
 * Starts a service's program from its folder under services/, with this environment alone beside
 * PATH and the place of compiled code.
 */
export function startService(
  room: 'worker' | 'frontend',
  environment: Record<string, string>,
  program = 'main.ts',
): ServiceProcess {
  const main = fileURLToPath(new URL(`../../${room}/${program}`, import.meta.url));
  const { PATH = '', NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, ...environment },
  });
  return follow(room, child);
}

function follow(room: string, child: ChildProcess): ServiceProcess {
  const lines: LogLine[] = [];
  let stderr = '';
  if (child.stdout === null || child.stderr === null) throw new Error('the outputs are not piped');
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    lines,
    stderr: () => stderr,
    line: async (beginning) => {
      const find = () => lines.find(({ msg }) => msg.startsWith(beginning));
      const message = `${room} did not log "${beginning}" in time`;
      const look = expect.poll(find, { timeout: 60_000, message });
      await look.toBeDefined();
      return find() as LogLine;
    },
    kill: (signal) => void child.kill(signal),
    ended,
  };
}
