import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

type Metadata = {
  labels: Record<string, string>;
  annotations?: Record<string, string>;
  deletionTimestamp?: string;
};

/** The parts of the Kubernetes API that are used here, and a frontend's `/scaling/workers`. */
export type StandIns = {
  /** The API's address. */
  readonly url: string;
  readonly scalingUrl: string;
  /** By `NAMESPACE/NAME`. */
  readonly pods: Map<string, Metadata>;
  /** What the frontend answers; undefined: 503. */
  workers: object[] | undefined;
  /** Whether requests to either are left without an answer from now on. */
  silent: boolean;
  /** Requests without an answer whose callers still wait. */
  readonly waiting: Set<string>;
  /** Pods that were patched, in order. */
  readonly patched: string[];
  /** The cost of a pod of the namespace `darkroom`. */
  costOf(name: string): string | undefined;
  close(): void;
};

export async function startStandIns(): Promise<StandIns> {
  const pods: StandIns['pods'] = new Map();
  const patched: string[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    if (standIns.silent) {
      standIns.waiting.add(url.pathname);
      response.once('close', () => standIns.waiting.delete(url.pathname));
      return;
    }
    const { status, body } = await answer(request, url);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const answer = async (request: IncomingMessage, { pathname, searchParams }: URL) => {
    if (pathname === '/scaling/workers') {
      const { workers } = standIns;
      return workers === undefined ? failure(503) : { status: 200, body: { workers } };
    }
    const [, namespace, name] =
      /^\/api\/v1\/namespaces\/([^/]+)\/pods(?:\/([^/]+))?$/.exec(pathname) ?? [];
    if (request.method === 'GET' && name === undefined) {
      const [label = '', value] = (searchParams.get('labelSelector') ?? '').split('=');
      const items = [...pods]
        .filter(([key, { labels }]) => key.startsWith(`${namespace}/`) && labels[label] === value)
        .map(([key, metadata]) => ({ metadata: { name: key.split('/')[1], ...metadata } }));
      const kind = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' };
      const list = { ...kind, metadata: { resourceVersion: '1' } };
      // As the real one does.
      return { status: 200, body: { ...list, items: items.length === 0 ? null : items } };
    }
    const pod = pods.get(`${namespace}/${name}`);
    if (request.method !== 'PATCH' || pod === undefined) return failure(404);
    if (request.headers['content-type'] !== 'application/merge-patch+json') return failure(415);
    const patch = (await json(request)) as { metadata: { annotations: Record<string, string> } };
    pod.annotations = { ...pod.annotations, ...patch.metadata.annotations };
    patched.push(name ?? '');
    return { status: 200, body: { kind: 'Pod', apiVersion: 'v1', metadata: { name, ...pod } } };
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const standIns: StandIns = {
    url,
    scalingUrl: `${url}/scaling/workers`,
    pods,
    workers: [],
    silent: false,
    waiting: new Set(),
    patched,
    costOf: (name) =>
      pods.get(`darkroom/${name}`)?.annotations?.['controller.kubernetes.io/pod-deletion-cost'],
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return standIns;
}

const failure = (code: number) => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message: `refused: ${code}` },
});
