import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { removeFolder, tellKeeper, temporaryFolder } from '@darkroom/testing';
import { sleep } from '@darkroom/timing';

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const probe = fromHere('loop-delay-probe.js');

/** For what stores nothing: an address that is never called. */
export const NO_STORAGE = {
  S3_ENDPOINT: 'http://127.0.0.1:9',
  S3_BUCKET: 'none',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
};

/** Milliseconds beyond the timer's own interval. */
export type LoopDelay = { p999: number; max: number };

export type ServiceProcess = {
  url: string;
  /** Where it answers `/healthz` and `/readyz`. */
  probesUrl: string;
  pid: number;
  /** Forgets the event-loop delay so far. */
  endWarmUp(): void;
  /** Ends it as an operator would and returns the event-loop delay since the warm-up. */
  stop(): Promise<LoopDelay>;
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** Starts a service's `main.ts` as a process of its own and waits until it is ready. */
export async function startService(
  service: 'frontend' | 'worker',
  environment: Record<string, string>,
): Promise<ServiceProcess> {
  const program = fromHere(`../../services/${service}/main.ts`);
  const probesPort = service === 'frontend' ? await freePort() : undefined;
  const flags = await nodeFlags(service);
  return await startProcess(service, program, environment, flags, probesPort);
}

/** Those that the service's image starts Node with. */
export async function nodeFlags(service: 'frontend' | 'worker'): Promise<string[]> {
  const dockerfile = await readFile(fromHere(`../../services/${service}/Dockerfile`), 'utf8');
  const entrypoint = /^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '[]';
  return JSON.parse(entrypoint).slice(1, -1);
}

/**
 * The same of any program that listens on `HOST` and `PORT`, answers `/readyz` there or on
 * `PROBES_PORT`, and ends on SIGTERM.
 */
export async function startProcess(
  name: string,
  program: string,
  environment: Record<string, string>,
  flags: readonly string[] = [],
  probesPort?: number,
): Promise<ServiceProcess> {
  const folder = temporaryFolder(`bench-${name}`);
  const delayFile = join(folder, 'loop-delay.json');
  const port = await freePort();
  const child = spawn(process.execPath, [...flags, program], {
    // A group of its own, which the keeper ends should this process end without doing so.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: String(port),
      ...(probesPort !== undefined && { PROBES_PORT: String(probesPort) }),
      LOG_LEVEL: 'warn',
      LOOP_DELAY_FILE: delayFile,
      NODE_OPTIONS: `--import=${probe}`,
      ...environment,
    },
  });
  const { pid = 0 } = child;
  tellKeeper(`group ${pid}`);
  const url = `http://127.0.0.1:${port}`;
  const probesUrl = `http://127.0.0.1:${probesPort ?? port}`;
  await untilReady(child, name, probesUrl);
  return {
    url,
    probesUrl,
    pid,
    endWarmUp: () => child.kill('SIGUSR2'),
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      tellKeeper(`forget ${pid}`);
      const delay: LoopDelay = JSON.parse(await readFile(delayFile, 'utf8'));
      await removeFolder(folder);
      return delay;
    },
  };
}

async function untilReady(child: ChildProcess, name: string, url: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the ${name} ended before it was ready`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    if (performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the ${name} was not ready within 60 seconds: ${await answer?.text()}`);
    }
    await sleep(100);
  }
}
