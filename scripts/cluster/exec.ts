import { spawn } from 'node:child_process';
import process from 'node:process';

export type ExecOptions = {
  /** Written to its standard input. */
  input?: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  signal?: AbortSignal | undefined;
  /** Ended after so long. [default: 10 minutes] */
  timeoutMs?: number;
  /** Told each line that it writes, while it runs. */
  onLine?: (line: string) => void;
};

/** For a program that was asked to end. */
const KILL_AFTER_MS = 10_000;

/** A program that ended with another code than 0, or in no time. */
export class ExecError extends Error {
  override readonly name = 'ExecError';
  readonly stdout: string;
  readonly stderr: string;
  /** Null where it did not end by itself. */
  readonly code: number | null;
  constructor(message: string, told: { stdout: string; stderr: string; code?: number | null }) {
    super(message);
    this.stdout = told.stdout;
    this.stderr = told.stderr;
    this.code = told.code ?? null;
  }
}

/**
 * Runs a program to its end and gives what it wrote to standard output.
 *
 * @throws ExecError with the program's own last words
 */
export function exec(program: string, args: string[], options: ExecOptions = {}): Promise<string> {
  const { input, env, cwd, signal, timeoutMs = 600_000, onLine } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  const out = collect(child.stdout, onLine);
  const err = collect(child.stderr, onLine);
  // A program that reads no input may be gone before it is written.
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  return new Promise((resolve, reject) => {
    const told = () => ({ stdout: out(), stderr: err() });
    child.once('error', (error) => {
      const why = limit.aborted ? `did not end within ${timeoutMs / 1_000} s` : error.message;
      const reason = signal?.aborted
        ? signal.reason
        : new ExecError(`${program} ${args.slice(0, 3).join(' ')}: ${why}`, told());
      if (child.pid === undefined) return reject(reason);
      // Whoever is told clears up after a program that has ended, not beside one that still works.
      const late = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      child.once('exit', () => {
        clearTimeout(late);
        reject(reason);
      });
    });
    child.once('close', (code) => {
      if (code === 0) return resolve(out());
      // Programs that do more than one thing tell on either what went wrong.
      const last = (text: string) => text.trim().split('\n').slice(-8);
      const words = [...last(out()), ...last(err())].filter(Boolean).join('\n').slice(0, 3_000);
      const what = `${program} ${args.slice(0, 3).join(' ')} failed: ${words}`;
      reject(new ExecError(what, { ...told(), code }));
    });
  });
}

function collect(stream: NodeJS.ReadableStream, onLine?: (line: string) => void): () => string {
  let text = '';
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
    if (onLine === undefined) return;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return () => text;
}
