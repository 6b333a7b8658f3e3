import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tellKeeper } from '@darkroom/testing';

/** A service's process, started again whenever it ends, as Kubernetes would. */
export type Service = {
  readonly name: string;
  /** Absent between an end and the next start. */
  pid(): number | undefined;
  /** Of the worker: its inference child. */
  childPid(): number | undefined;
  signal(signal: NodeJS.Signals): void;
  /** Variables beside its own, from its next start on. */
  setEnvironment(extra: Record<string, string>): void;
  /** Resolves when it answers that it is ready; rejects after so many seconds. */
  ready(seconds: number): Promise<void>;
  /** Its clock, by the `Date` of an answer, in milliseconds since 1970; absent without an answer. */
  clock(): Promise<number | undefined>;
  /**
   * The sum of a metric over its label sets, where their text matches; undefined without an answer.
   */
  metric(name: string, labels?: RegExp): Promise<number | undefined>;
  /** How often it ended by itself with another code than 0. */
  failures(): number;
  stop(): Promise<void>;
};

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 3_000;
/** Who has lived so long starts again at once. */
const SETTLED_MS = 10_000;

export function superviseService(options: {
  service: 'frontend' | 'worker';
  name: string;
  port: number;
  /** Where it answers its probes. */
  probesPort: number;
  environment: Record<string, string>;
  /** Of the module that every start of it loads first. */
  preload?: string | undefined;
  logs: string;
}): Service {
  const { service, name, port, probesPort, environment, preload, logs } = options;
  const main = fileURLToPath(new URL(`../../services/${service}/main.ts`, import.meta.url));
  const log = openSync(join(logs, `${name}.log`), 'a');
  let child: ChildProcess | undefined;
  let extra: Record<string, string> = {};
  let pauseMs = FIRST_PAUSE_MS;
  let failures = 0;
  let stopping = false;
  let restart: NodeJS.Timeout | undefined;

  const start = (): void => {
    const startedAt = performance.now();
    const imports = preload === undefined ? [] : [`--import=${preload}`];
    // In a process group of its own, so that Ctrl-C here does not reach it.
    const started = spawn(process.execPath, [...imports, main], {
      detached: true,
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        HOST: '127.0.0.1',
        PORT: String(port),
        PROBES_PORT: String(probesPort),
        LOG_LEVEL: 'info',
        ...environment,
        ...extra,
      },
    });
    child = started;
    const { pid = 0 } = started;
    tellKeeper(`group ${pid}`);
    started.on('error', () => {});
    started.once('exit', (code) => {
      tellKeeper(`forget ${pid}`);
      child = undefined;
      if (stopping) return;
      if (code !== null && code !== 0) failures += 1;
      if (performance.now() - startedAt > SETTLED_MS) pauseMs = FIRST_PAUSE_MS;
      restart = setTimeout(start, pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    });
  };
  start();

  const ask = (path: string): Promise<Response | undefined> => {
    const signal = AbortSignal.timeout(2_000);
    return fetch(`http://127.0.0.1:${probesPort}${path}`, { signal }).catch(() => undefined);
  };
  return {
    name,
    pid: () => child?.pid,
    childPid: () => (child?.pid === undefined ? undefined : firstChildOf(child.pid)),
    signal: (signal) => void child?.kill(signal),
    setEnvironment: (variables) => {
      extra = variables;
    },
    async ready(seconds) {
      const deadline = performance.now() + seconds * 1_000;
      for (;;) {
        if ((await ask('/readyz'))?.ok) return;
        if (performance.now() > deadline) {
          throw new Error(`${name} was not ready within ${seconds} s; see ${name}.log in ${logs}`);
        }
        await wait(200);
      }
    },
    async clock() {
      const date = (await ask('/healthz'))?.headers.get('date');
      return date == null ? undefined : Date.parse(date);
    },
    async metric(metric, labels = /(?:)/) {
      const answer = await ask('/metrics');
      const text = await answer?.text().catch(() => undefined);
      return text
        ?.split('\n')
        .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
        .filter((line) => labels.test(line))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    failures: () => failures,
    async stop() {
      stopping = true;
      clearTimeout(restart);
      const ending = child;
      if (ending !== undefined) {
        const gone = new Promise((resolve) => ending.once('exit', resolve));
        ending.kill('SIGCONT');
        ending.kill('SIGTERM');
        const forced = setTimeout(() => ending.kill('SIGKILL'), 5_000);
        await gone;
        clearTimeout(forced);
      }
      closeSync(log);
    },
  };
}

function firstChildOf(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    return child === undefined || child === '' ? undefined : Number(child);
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}
