import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import type { Manifest } from '../../render/manifest.ts';

/** The parts of the Kubernetes API that a comparison uses, over objects in memory. */
export type StandInCluster = {
  /** Its address. */
  url: string;
  config: KubeConfig;
  put(object: Manifest): void;
  remove(object: Manifest): void;
  /** A kind that may not be listed from now on, as `deployments`. */
  forbid(resource: string): void;
  close(): void;
};

const served = [
  { apiVersion: 'v1', name: 'configmaps', kind: 'ConfigMap', namespaced: true },
  { apiVersion: 'v1', name: 'namespaces', kind: 'Namespace', namespaced: false },
  { apiVersion: 'apps/v1', name: 'deployments', kind: 'Deployment', namespaced: true },
];

const path =
  /^\/(?:api|apis)\/(v1|[^/]+\/[^/]+?)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/;
const keyOf = (...parts: (string | undefined)[]) => parts.join(' ');

export async function startStandInCluster(): Promise<StandInCluster> {
  const objects = new Map<string, Manifest>();
  const forbidden = new Set<string>();
  const key = ({ apiVersion, kind, metadata }: Manifest) => {
    const resource = served.find((each) => each.apiVersion === apiVersion && each.kind === kind);
    if (resource === undefined) throw new Error(`the stand-in serves no ${apiVersion} ${kind}`);
    return keyOf(apiVersion, resource.name, metadata.namespace, metadata.name);
  };
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    const group = /^\/api(?:\/|s\/[^/]+\/)(?=v1$)/.test(pathname)
      ? pathname.replace(/^\/apis?\//, '')
      : undefined;
    if (group !== undefined) {
      const resources = served.filter(({ apiVersion }) => apiVersion === group);
      return { status: 200, body: { kind: 'APIResourceList', resources } };
    }
    const [, apiVersion, namespace, resource = '', name] = path.exec(pathname) ?? [];
    if (request.method === 'GET' && name === undefined) {
      if (forbidden.has(resource)) return refused(403, `it may not list ${resource}`);
      const items = [...objects]
        .filter(([each]) => each.startsWith(`${keyOf(apiVersion, resource, namespace)} `))
        .map(([, object]) => object);
      return { status: 200, body: { items } };
    }
    const at = keyOf(apiVersion, resource, namespace, name);
    if (request.method === 'PATCH') objects.set(at, (await json(request)) as Manifest);
    const object = objects.get(at);
    return object === undefined ? refused(404, 'not found') : { status: 200, body: object };
  };
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = new KubeConfig();
  // The client speaks HTTP without TLS only where it is told to verify nothing.
  config.loadFromClusterAndUser({ name: 'c', server: url, skipTLSVerify: true }, { name: 'u' });
  return {
    url,
    config,
    put: (object) => void objects.set(key(object), object),
    remove: (object) => void objects.delete(key(object)),
    forbid: (resource) => void forbidden.add(resource),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const refused = (status: number, message: string) => ({
  status,
  body: { kind: 'Status', message },
});
