import type { KubeConfig, RequestContext } from '@kubernetes/client-node';

/**
 * After this a certificate that was renewed meanwhile is used, and a connection is left that was cut without a
 * word.
 */
const KEPT_MS = 30_000;

/**
 * Lets the requests of a configuration share their connections: by itself the client makes each request on
 * one of its own, with a TLS handshake that costs both sides more than most answers.
 *
 * @returns has the next request made on a new connection
 */
export function shareConnections(config: KubeConfig): () => void {
  const authenticate = config.applySecurityAuthentication.bind(config);
  let shared: ReturnType<RequestContext['getDispatcher']>;
  let madeAt = 0;
  config.applySecurityAuthentication = async (request) => {
    await authenticate(request);
    if (shared === undefined || performance.now() - madeAt > KEPT_MS) {
      shared = request.getDispatcher();
      madeAt = performance.now();
    }
    if (shared !== undefined) request.setDispatcher(shared);
  };
  return () => {
    shared = undefined;
  };
}
