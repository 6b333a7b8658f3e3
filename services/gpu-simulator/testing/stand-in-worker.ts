import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A worker as its metrics show it: its engine is busy or idle. */
export type StandInWorker = {
  readonly port: number;
  /** From now on its engine runs steps, or does not. */
  setBusy(busy: boolean): void;
  /** From now on it does not answer. */
  silence(): void;
  /** Requests whose callers still wait. */
  waiting(): number;
  close(): void;
};

/** @param address to listen on, which stands for that of the pod */
export async function startWorker(address = '127.0.0.1'): Promise<StandInWorker> {
  let seconds = 0;
  let busySince: number | undefined;
  const running = () => (busySince === undefined ? 0 : (performance.now() - busySince) / 1_000);
  let silent = false;
  let waiting = 0;
  const server = createServer((_, response) => {
    if (silent) {
      waiting += 1;
      response.once('close', () => {
        waiting -= 1;
      });
      return;
    }
    response.end(
      [
        '# HELP darkroom_engine_busy_seconds_total Seconds that the engine ran steps.',
        '# TYPE darkroom_engine_busy_seconds_total counter',
        `darkroom_engine_busy_seconds_total{model="pinhole"} ${seconds + running()}`,
        'process_resident_memory_bytes 104857600',
        '',
      ].join('\n'),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    setBusy: (busy) => {
      seconds += running();
      busySince = busy ? performance.now() : undefined;
    },
    silence: () => {
      silent = true;
    },
    waiting: () => waiting,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
