import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../cli.ts', import.meta.url));

export type Finished = { code: number | null; stdout: string; stderr: string };

export type Running = {
  process: ChildProcess;
  /** All of stderr until now. */
  stderr(): string;
  /** Resolves with the first match in stderr; rejects if the process ends before. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  finished: Promise<Finished>;
};

type Options = { cwd?: string; env?: Record<string, string> };

/**
 * Starts the command line as a process of its own, away from this one's environment, except for the
 * place of compiled code.
 */
export function start(args: readonly string[], options: Options = {}): Running {
  const { PATH = '', NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const finished = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return {
    process: child,
    stderr: () => stderr,
    finished,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stderr);
          if (match !== null) resolve(match);
        };
        child.stderr.on('data', look);
        look();
        finished.then(() => reject(new Error(`ended without saying ${pattern}:\n${stderr}`)));
      }),
  };
}

/** Runs the command line to its end. */
export const darkroom = (args: readonly string[], options?: Options): Promise<Finished> =>
  start(args, options).finished;

/** Starts `serve` on a folder and waits until it takes work. */
export async function startServing(
  dataDir: string,
  options?: Options,
): Promise<Running & { url: string }> {
  const running = start(['serve', '--port', '0', '--data-dir', dataDir], options);
  const [, url = ''] = await running.said(/serving on (\S+),/);
  return { ...running, url };
}

/** Ends a process as its supervisor would. */
export async function stop(running: Running | undefined): Promise<void> {
  running?.process.kill('SIGTERM');
  await running?.finished;
}
