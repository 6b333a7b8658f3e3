import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { PictureRequest } from '@darkroom/diffusion';

/** What a process that makes pictures is told as JSON, its last argument. */
export type PictureOrder = {
  /** A model's folder. */
  folder: string;
  request: PictureRequest;
  /** Within one operator of the runtime. */
  threads: number;
};

export type MadePicture = {
  /** From the call to the PNG file's bytes, in the process itself. */
  ms: number;
  /** Most memory that the process ever had resident (Linux's VmHWM). */
  peakBytes: number;
  png: Uint8Array;
};

/** A process that has loaded its model and makes a picture whenever it is asked. */
export type PictureProcess = {
  /** From the start of the process. */
  readyMs: number;
  versions: Record<string, string>;
  picture(): Promise<MadePicture>;
  /** Since the start of the process. */
  sinceStartMs(): number;
  end(): Promise<void>;
};

/**
 * Starts a program that says on stdout, a line of JSON each, its versions once it is ready, and then,
 * for every line on stdin, the picture that it has made.
 *
 * @throws Error when it ends before it is ready
 */
export async function startPictureProcess(
  command: readonly [program: string, ...args: string[]],
  order: PictureOrder,
): Promise<PictureProcess> {
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
    async picture() {
      child.stdin.write('\n');
      const { ms, peakBytes, png } = await answer();
      return { ms, peakBytes, png: Buffer.from(png, 'base64') };
    },
    sinceStartMs: () => performance.now() - started,
    async end() {
      child.stdin.end();
      await exit;
    },
  };
}

/** The engine, in a process of this Node. */
export const startEngine = (order: PictureOrder): Promise<PictureProcess> =>
  startPictureProcess([process.execPath, `${import.meta.dirname}/engine.ts`], order);
