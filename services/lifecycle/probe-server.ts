import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenError } from './listen-error.ts';
import type { Metrics } from './metrics.ts';
import type { Probes } from './probes.ts';

/** What a process tells its platform beside its probes. */
export type ProbeRoutes = {
  /** To name where another is asked for. */
  paths: readonly string[];
  /** The answer to `GET path`, in JSON; undefined where the path is none of these. */
  answer(path: string): Promise<{ status: number; body: unknown } | undefined>;
};

export type ProbeServer = { port: number; close(): Promise<void> };

/**
 * Serves `GET /healthz` (alive), `/readyz` (takes work: 200 or 503, with the checks) and `/metrics`
 * (Prometheus), on a port of their own.
 *
 * @param options.port 0 takes a free one
 * @param options.variable the environment variable that sets the port
 * @param options.routes what else is served there
 * @throws DarkroomError (`configuration`) when the port cannot be listened on
 */
export async function startProbeServer(options: {
  host: string;
  port: number;
  variable?: string;
  probes: Probes;
  metrics: Metrics;
  routes?: ProbeRoutes;
}): Promise<ProbeServer> {
  const { host, port, variable, probes, metrics, routes } = options;
  const paths = ['/healthz', '/readyz', '/metrics', ...(routes?.paths ?? [])];
  const server = createServer((request, response) => {
    answer(request.url?.split('?')[0] ?? '', response).catch((error: unknown) =>
      response.destroy(error as Error),
    );
  });

  const answer = async (path: string, response: ServerResponse) => {
    if (path === '/healthz') return sendJson(response, 200, { status: 'alive' });
    if (path === '/readyz') {
      const readiness = await probes.readiness();
      return sendJson(response, readiness.ready ? 200 : 503, readiness);
    }
    if (path === '/metrics') {
      const text = await metrics.metrics();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
      return;
    }
    const other = await routes?.answer(path);
    if (other !== undefined) return sendJson(response, other.status, other.body);
    sendJson(response, 404, { message: `not found; there are ${paths.join(', ')}` });
  };

  await listen(server, { host, port, variable });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

const listen = (server: Server, at: Parameters<typeof listenError>[1]): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, at)));
    server.listen(at.port, at.host, resolve);
  });

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
