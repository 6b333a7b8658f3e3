import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { LoadShape } from './load.ts';

/** What the load client is told. */
export type LoadSettings = {
  frontends: string[];
  /** Of the caller, where frontends ask for one. */
  apiKey?: string;
  seed: number;
  jobs: number;
  shape: LoadShape;
  /** Over which its requests are spread evenly. */
  seconds: number;
  /** The file it writes. */
  ledger: string;
};

/** Its progress; the outcome is in its ledger only. */
export type LoadProgress = { answered: number; accepted: number; finished: number };

/** The variable that tells the load client its settings, as JSON. */
export const LOAD_SETTINGS = 'DARKROOM_LOAD_SETTINGS';

export type Load = {
  /** Resolves when every request has its answer; rejects when the process ends before. */
  readonly answered: Promise<void>;
  /** Sends no further request: `answered` is then of those that were sent. */
  enough(): void;
  stop(): Promise<void>;
};

export function startLoad(
  settings: LoadSettings,
  onProgress: (progress: LoadProgress) => void,
): Load {
  const program = fileURLToPath(new URL('./load-client.ts', import.meta.url));
  const child = fork(program, {
    stdio: ['ignore', 2, 2, 'ipc'],
    // Not as an argument, which everybody on this machine may read: a key is among them.
    env: { ...process.env, [LOAD_SETTINGS]: JSON.stringify(settings) },
  });
  const exited = once(child, 'exit');
  const { promise: answered, resolve, reject } = Promise.withResolvers<void>();
  child.on('message', (message: LoadProgress | { done: true }) => {
    if ('done' in message) resolve();
    else onProgress(message);
  });
  void exited.then(([code, signal]) =>
    reject(new Error(`the load client ended with ${signal ?? `code ${code}`}`)),
  );
  answered.catch(() => {});
  return {
    answered,
    enough: () => child.send({ enough: true }),
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
