import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

type Labels = Record<string, string>;

/** The parts of the Kubernetes API that the simulator uses, over HTTP. */
export type StandInApi = {
  readonly url: string;
  /** Labels of the only node. */
  readonly labels: Labels;
  /** Addresses by `NAMESPACE/POD`; '' for a pod that has none yet. */
  readonly pods: Map<string, string>;
  /** Each request, as `METHOD /path`. */
  readonly requests: string[];
  /** Whether requests are left without an answer from now on. */
  silent: boolean;
  close(): void;
};

export async function startApi(nodeName: string): Promise<StandInApi> {
  const labels: Labels = {};
  const pods = new Map<string, string>();
  const requests: string[] = [];
  const node = () => ({ kind: 'Node', apiVersion: 'v1', metadata: { name: nodeName, labels } });
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    requests.push(`${method} ${url}`);
    if (api.silent) return;
    const send = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const [, namespace, name] = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)$/.exec(url) ?? [];
    const podIP = pods.get(`${namespace}/${name}`);
    if (podIP !== undefined) {
      const status = podIP === '' ? { phase: 'Pending' } : { phase: 'Running', podIP };
      return send(200, { kind: 'Pod', apiVersion: 'v1', metadata: { namespace, name }, status });
    }
    if (url !== `/api/v1/nodes/${nodeName}`) return send(404, failure(404, 'not found'));
    if (method === 'GET') return send(200, node());
    if (request.headers['content-type'] !== 'application/merge-patch+json') {
      return send(415, failure(415, 'not a merge patch'));
    }
    const patch = (await json(request)) as { metadata: { labels: Labels } };
    Object.assign(labels, patch.metadata.labels);
    send(200, node());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api: StandInApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    labels,
    pods,
    requests,
    silent: false,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return api;
}

const failure = (code: number, message: string) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  message,
});
