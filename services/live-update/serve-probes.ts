import { once } from 'node:events';
import { request as ask, createServer } from 'node:http';

/**
 * Serves the probes of a program that comes and goes: `/healthz` says alive whether or not it runs, so that
 * the kubelet does not replace the container and its changed code with it. Everything else is the program's to
 * answer, and 503 while it does not run.
 *
 * @param port where the kubelet asks; 0 takes a free one
 * @param behind the program's own port
 * @throws Error when the port is taken
 */
export async function serveProbes(
  port: number,
  behind: number,
): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    if (request.url === '/healthz') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('alive\n');
      return;
    }
    const { method, url: path, headers } = request;
    const asked = ask({ host: '127.0.0.1', port: behind, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    asked.on('error', () => {
      if (response.headersSent) return response.destroy();
      response.writeHead(503, { 'content-type': 'text/plain' });
      response.end('the program does not run; its log says why\n');
    });
    request.pipe(asked);
  });
  server.listen(port);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
