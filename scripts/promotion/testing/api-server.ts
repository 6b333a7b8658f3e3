import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';
import type { Manifest } from '../../render/manifest.ts';
import { type KubeApi, openKubeApi } from '../kube-api.ts';
import { servePortForward } from './port-forward.ts';

export type Asked = {
  method: string;
  path: string;
  query: Record<string, string>;
  type: string | undefined;
  body: unknown;
};
/** `hang up` ends the connection without one. */
export type Answer = { status: number; body: unknown } | 'hang up';

export type ApiServer = {
  url: string;
  /** Everything that it was asked, but which kinds it has. */
  asked: Asked[];
  /** What it holds, by path. */
  objects: Map<string, Manifest>;
  open(options?: { patienceMs?: number; signal?: AbortSignal }): KubeApi;
};

const kinds: Record<string, [kind: string, name: string, namespaced: boolean][]> = {
  '/api/v1': [
    ['ConfigMap', 'configmaps', true],
    ['Namespace', 'namespaces', false],
    ['Pod', 'pods', true],
    ['Secret', 'secrets', true],
    ['Service', 'services', true],
  ],
  '/apis/apps/v1': [['Deployment', 'deployments', true]],
  '/apis/batch/v1': [['Job', 'jobs', true]],
  '/apis/coordination.k8s.io/v1': [['Lease', 'leases', true]],
};

export const failure = (status: number, reason: string, more: object = {}): Answer => ({
  status,
  body: { kind: 'Status', status: 'Failure', reason, message: `it says ${reason}`, ...more },
});

/**
 * A server on this machine that speaks as a cluster's API server: it keeps objects, and refuses those that
 * changed meanwhile.
 *
 * @param first asked before that; undefined leaves the answer to it
 */
export async function serveApi(
  first: (asked: Asked, objects: ApiServer['objects']) => Answer | undefined = () => undefined,
): Promise<ApiServer> {
  const asked: Asked[] = [];
  const objects: ApiServer['objects'] = new Map();
  const server = createServer(async (request, response) => {
    const { pathname: path, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
    const content = await text(request);
    const one: Asked = {
      method: request.method ?? '',
      path,
      query: Object.fromEntries(searchParams),
      type: request.headers['content-type'],
      body: content === '' ? undefined : JSON.parse(content),
    };
    const isKinds = /^\/(api|apis\/[^/]+)\/[^/]+$/.test(path);
    if (!isKinds) asked.push(one);
    const answer = first(one, objects) ?? (isKinds ? kindsOf(path) : keep(one, objects));
    if (answer === 'hang up') return request.socket.destroy();
    const isText = typeof answer.body === 'string';
    response.writeHead(answer.status, {
      'content-type': isText ? 'text/plain' : 'application/json',
    });
    response.end(isText ? answer.body : JSON.stringify(answer.body));
  });
  servePortForward(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    objects,
    open: (options) => withKubeconfig(url, () => openKubeApi('production', options)),
  };
}

/** Does something while kubectl's configuration has the contexts `production`, at an address, and `staging`. */
export function withKubeconfig<T>(server: string, work: () => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-kubeconfig-'));
  const file = join(folder, 'config');
  const context = (name: string) => ({ name, context: { cluster: 'c', user: 'u' } });
  const config = {
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'secret' } }],
    contexts: [context('production'), context('staging')],
  };
  try {
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
    vi.stubEnv('KUBECONFIG', file);
    return work();
  } finally {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  }
}

function kindsOf(path: string): Answer {
  const resources = kinds[path]?.flatMap(([kind, name, namespaced]) => [
    { kind, name, namespaced },
    { kind, name: `${name}/status`, namespaced },
  ]);
  return resources === undefined ? failure(404, 'NotFound') : { status: 200, body: { resources } };
}

let versions = 0;

function keep({ method, path, body }: Asked, objects: ApiServer['objects']): Answer {
  const store = (at: string) => {
    const object = structuredClone(body) as Manifest;
    Object.assign(object.metadata, { resourceVersion: String(++versions) });
    objects.set(at, object);
    return { status: 200, body: object };
  };
  const versionOf = (object: unknown) =>
    (object as { metadata: { resourceVersion?: string } }).metadata.resourceVersion;
  if (path === '/version') return { status: 200, body: { gitVersion: 'v1.34.0' } };
  const object = objects.get(path);
  if (method === 'POST') {
    const at = `${path}/${(body as Manifest).metadata.name}`;
    return objects.has(at) ? failure(409, 'AlreadyExists') : store(at);
  }
  if (method === 'PATCH') return store(path);
  if (
    method === 'GET' &&
    Object.values(kinds)
      .flat()
      .some(([, name]) => path.endsWith(`/${name}`))
  ) {
    const inside = [...objects].filter(([at]) => at.slice(0, at.lastIndexOf('/')) === path);
    const items = inside.map(([, { kind: _, apiVersion: _v, ...item }]) => item);
    return { status: 200, body: { kind: 'List', items } };
  }
  if (object === undefined) return failure(404, 'NotFound');
  if (method === 'PUT') {
    return versionOf(body) === versionOf(object) ? store(path) : failure(409, 'Conflict');
  }
  if (method === 'DELETE') objects.delete(path);
  return { status: 200, body: object };
}
