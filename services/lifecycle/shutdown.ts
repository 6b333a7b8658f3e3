import type { Logger } from './logger.ts';

export type Shutdown = {
  /** Registers the release of what was just acquired; the last acquired is released first. */
  defer(name: string, release: () => unknown): void;
  /** Aborts when the shutdown begins; what waits or polls ends on it. */
  readonly signal: AbortSignal;
  /**
   * Releases everything, last acquired first; a release that fails is logged and the others still
   * run. Every call waits for the same shutdown.
   *
   * @returns whether every release succeeded
   */
  run(reason: string): Promise<boolean>;
};

/** The unwinding of a process: each release registered beside its acquire. */
export function createShutdown(options: { logger?: Logger } = {}): Shutdown {
  const { logger } = options;
  const releases: { name: string; release: () => unknown }[] = [];
  const begun = new AbortController();
  let running: Promise<boolean> | undefined;

  const unwind = async (reason: string): Promise<boolean> => {
    logger?.info({ reason }, 'shutting down');
    begun.abort(new Error(`shutting down: ${reason}`));
    let clean = true;
    for (let next = releases.pop(); next !== undefined; next = releases.pop()) {
      try {
        await next.release();
      } catch (error) {
        clean = false;
        logger?.error({ err: error, release: next.name }, 'release failed');
      }
    }
    logger?.info('shut down');
    await new Promise<void>((resolve) => (logger ? logger.flush(() => resolve()) : resolve()));
    return clean;
  };

  return {
    signal: begun.signal,
    defer: (name, release) => {
      releases.push({ name, release });
    },
    run: (reason) => {
      running ??= unwind(reason);
      return running;
    },
  };
}

type SignalSource = Pick<NodeJS.Process, 'on' | 'off'>;

/**
 * Calls `graceful` on the first SIGTERM or SIGINT and `forceful` on every further one. Only a
 * `main.ts` calls this.
 *
 * @returns a function that takes the handlers away again
 */
export function onSignals(
  handlers: { graceful: (signal: string) => void; forceful: (signal: string) => void },
  source: SignalSource = process,
): () => void {
  let asked = false;
  const handle = (signal: string) => {
    if (asked) return handlers.forceful(signal);
    asked = true;
    handlers.graceful(signal);
  };
  source.on('SIGTERM', handle);
  source.on('SIGINT', handle);
  return () => {
    source.off('SIGTERM', handle);
    source.off('SIGINT', handle);
  };
}
