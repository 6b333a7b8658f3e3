import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { PictureRequest } from '@darkroom/diffusion';

/** A process that has loaded what it measures, and measures it whenever it is asked. */
export type MeasuredProcess<Answer> = {
  /** From the start of the process. */
  readyMs: number;
  versions: Record<string, string>;
  ask(): Promise<Answer>;
  /** Since the start of the process. */
  sinceStartMs(): number;
  end(): Promise<void>;
};

/**
 * Starts a program that is told its order as JSON, its last argument, and says on stdout, a line of JSON
 * each, its versions once it is ready, and then an answer for every line on stdin.
 *
 * @throws Error when it ends before it is ready
 */
export async function startProcess<Answer>(
  command: readonly [program: string, ...args: string[]],
  order: object,
): Promise<MeasuredProcess<Answer>> {
  const started = performance.now();
  const [program, ...args] = command;
  const child = spawn(program, [...args, JSON.stringify(order)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit').then(([code, signal]) => signal ?? code);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (!done) return JSON.parse(value);
    throw new Error(`${command.join(' ')} ended (${await exit}); its last words are above`);
  };
  const versions = await answer();
  const readyMs = performance.now() - started;
  return {
    readyMs,
    versions,
    async ask() {
      child.stdin.write('\n');
      return await answer();
    },
    sinceStartMs: () => performance.now() - started,
    async end() {
      child.stdin.end();
      await exit;
    },
  };
}

/** The same with a program of this folder's room, in a process of this Node. */
export const startNode = <Answer>(
  program: string,
  order: object,
): Promise<MeasuredProcess<Answer>> =>
  startProcess([process.execPath, `${import.meta.dirname}/../${program}`], order);

export type PictureOrder = {
  /** A model's folder. */
  folder: string;
  request: PictureRequest;
  /** Within one operator of the runtime. */
  threads: number;
};

export type Measurement = {
  ms: number;
  /** Most memory that the process ever had resident (Linux's VmHWM). */
  peakBytes: number;
};

/** `ms`: from the call to the file. */
export type MadePicture = Measurement & {
  /** Base64 of a PNG file. */
  png: string;
};
