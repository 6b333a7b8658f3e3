import { isIPv6 } from 'node:net';

/** What a worker's own metrics tell of its engine. */
export type WorkerReading = {
  /** Seconds that the engine has run steps since the worker started. */
  busySeconds: number;
  residentBytes: number;
};

/**
 * Reads a worker's metrics.
 *
 * @throws Error when it does not answer within two seconds, or not with metrics, or the signal aborts
 */
export async function readWorker(
  address: string,
  port: number,
  signal: AbortSignal,
): Promise<WorkerReading> {
  const host = isIPv6(address) ? `[${address}]` : address;
  const url = `http://${host}:${port}/metrics`;
  const limit = AbortSignal.timeout(2_000);
  const response = await fetch(url, { signal: AbortSignal.any([signal, limit]) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return {
    busySeconds: sumOf(text, 'darkroom_engine_busy_seconds_total'),
    residentBytes: sumOf(text, 'process_resident_memory_bytes'),
  };
}

/** The sum of a metric's series in Prometheus' text format; 0 without any. */
export function sumOf(text: string, metric: string): number {
  const series = new RegExp(`^${metric}(?:\\{.*\\})? +(\\S+)`, 'gm');
  return [...text.matchAll(series)].reduce((sum, [, value]) => sum + Number(value), 0);
}
