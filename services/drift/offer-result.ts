import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMetrics, type Metrics } from '@darkroom/lifecycle';
import { sleep } from '@darkroom/timing';

/** What a check has found. */
export type DriftResult = {
  /** In the cluster, to the release that was verified; undefined before the first release. */
  differences: number | undefined;
  checkedAt: Date;
};

export type Offer = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Told once it is listened on. */
  onListening: (port: number) => void;
  /** In milliseconds. */
  forMs: number;
  signal: AbortSignal;
};

/**
 * Offers a result on `/metrics` until it was read once, or for a while: what has ended is not scraped any
 * more, and nothing in the cluster keeps results for Prometheus.
 *
 * @returns whether it was read
 */
export async function offerResult(result: DriftResult, offer: Offer): Promise<boolean> {
  const { host, port, onListening, forMs, signal } = offer;
  const wasRead = Promise.withResolvers<true>();
  const server = serve(metricsOf(result), () => wasRead.resolve(true));
  server.listen(port, host);
  await once(server, 'listening');
  onListening((server.address() as AddressInfo).port);
  const over = new AbortController();
  try {
    const tooLong = sleep(forMs, AbortSignal.any([signal, over.signal])).then(() => {
      signal.throwIfAborted();
      return false;
    });
    return await Promise.race([wasRead.promise, tooLong]);
  } finally {
    over.abort();
    server.close();
  }
}

function metricsOf({ differences, checkedAt }: DriftResult): Metrics {
  const metrics = createMetrics();
  const { meter } = metrics;
  meter
    .createGauge('darkroom_drift_checked_timestamp_seconds', {
      description: 'When the cluster was last held against its release, in seconds since 1970.',
    })
    .record(checkedAt.getTime() / 1_000);
  if (differences !== undefined) {
    meter
      .createGauge('darkroom_drift_differences', {
        description: 'Fields and objects that are otherwise than when the release was verified.',
      })
      .record(differences);
  }
  return metrics;
}

const serve = (metrics: Metrics, onRead: () => void): Server =>
  createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { connection: 'close' }).end('not found; there is /metrics\n');
      return;
    }
    metrics.metrics().then(
      (text) => {
        response.once('finish', onRead);
        // No connection is kept that the end of the process would have to wait for.
        response.writeHead(200, { 'content-type': metrics.contentType, connection: 'close' });
        response.end(text);
      },
      (error: Error) => response.destroy(error),
    );
  });
