import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

export type FrontendProcess = {
  child: ChildProcess;
  /** Of the answers that it printed so far, stdout and stderr together. */
  output(): string;
  /** Resolves with the origin it listens at; rejects with its output when it ends before. */
  listening: Promise<string>;
  /** Resolves with the origin of its probes and metrics. */
  probes: Promise<string>;
  /** Resolves with its exit code, null after a signal. */
  ended: Promise<number | null>;
};

/** `main.ts` as a process of its own that knows nothing but `env`. */
export function startProcess(env: Record<string, string>): FrontendProcess {
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
  const probed = Promise.withResolvers<string>();
  listening.catch(() => {});
  probed.promise.catch(() => {});
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const origin = /listening at (http:\/\/[^"\s]+)/.exec(output)?.[1];
      if (origin !== undefined) resolve(origin);
      const port = /"port":(\d+),"msg":"probes are served"/.exec(output)?.[1];
      if (port !== undefined) probed.resolve(`http://127.0.0.1:${port}`);
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    const error = new Error(`ended with ${code} before it listened: ${output}`);
    reject(error);
    probed.reject(error);
    return code as number | null;
  });
  return { child, output: () => output, listening, probes: probed.promise, ended };
}
