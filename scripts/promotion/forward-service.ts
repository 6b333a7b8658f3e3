import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { PortForward } from '@kubernetes/client-node';
import { CommandFailure } from '../commands/failure.ts';
import type { Manifest } from '../render/manifest.ts';
import type { KubeApi } from './kube-api.ts';

export type ServicePort = { namespace: string; name: string; port: number };

/** A Service of a cluster as a port of this machine. */
export type ForwardedService = { port: number; close(): void };

type ServiceObject = Manifest & {
  spec?: {
    selector?: Record<string, string>;
    ports?: { port: number; targetPort?: number | string }[];
  };
};
type Pod = Manifest & {
  spec?: { containers: { ports?: { name?: string; containerPort: number }[] }[] };
  status?: { conditions?: { type: string; status: string }[] };
};

/**
 * Leads a port of this machine to a Service, by way of the API server and the kubelet: no network policy has to
 * let anybody in. Each connection goes to a pod that is ready then.
 *
 * @throws CommandFailure where no pod is ready, or the Service has no such port
 */
export async function forwardService(
  api: KubeApi,
  service: ServicePort,
): Promise<ForwardedService> {
  const forward = new PortForward(api.config);
  await readyPod(api, service);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
    readyPod(api, service)
      .then(({ pod, port }) =>
        forward.portForward(service.namespace, pod, [port], socket, null, socket),
      )
      .then((connection) => join(socket, connection as Connection))
      .catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Of the client's WebSocket, whose package has no types, what is used here. */
type Connection = {
  readyState: number;
  readonly bufferedAmount: number;
  pause(): void;
  resume(): void;
  close(): void;
  addEventListener(event: 'close' | 'message', listener: () => void): void;
};

/** More than this waits nowhere: a model's file has gigabytes. */
const MAX_WAITING_BYTES = 2 ** 20;
const LOOK_MS = 5;
/** From here on a WebSocket ends (https://websockets.spec.whatwg.org/#dom-websocket-closing). */
const CLOSING = 2;

/**
 * What the client's port-forwarding leaves out: each end goes with the other, and neither sends faster than
 * the other takes.
 */
function join(socket: Socket, connection: Connection): void {
  connection.addEventListener('close', () => socket.destroySoon());
  socket.once('close', () => {
    // Paused, it would not see the answer to its own end.
    connection.resume();
    connection.close();
  });
  if (connection.readyState >= CLOSING) socket.destroySoon();
  if (socket.destroyed) connection.close();

  connection.addEventListener('message', () => {
    if (!socket.writableNeedDrain) return;
    connection.pause();
    socket.once('drain', () => connection.resume());
  });
  let timer: NodeJS.Timeout | undefined;
  socket.on('data', () => {
    if (timer !== undefined || connection.bufferedAmount < MAX_WAITING_BYTES) return;
    socket.pause();
    timer = setInterval(() => {
      if (connection.bufferedAmount >= MAX_WAITING_BYTES) return;
      clearInterval(timer);
      timer = undefined;
      socket.resume();
    }, LOOK_MS);
  });
  socket.once('close', () => clearInterval(timer));
}

/** A pod behind a Service that takes requests, and its own port. */
async function readyPod(
  api: KubeApi,
  { namespace, name, port }: ServicePort,
): Promise<{ pod: string; port: number }> {
  const called = `Service ${namespace}/${name} of ${api.context}`;
  const reference = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } };
  const service = await api.get<ServiceObject>(reference);
  if (service === undefined) throw new CommandFailure(`${called} is not there`);
  const target = service.spec?.ports?.find((each) => each.port === port);
  if (target === undefined) throw new CommandFailure(`${called} has no port ${port}`);
  const selector = Object.entries(service.spec?.selector ?? {});
  if (selector.length === 0) throw new CommandFailure(`${called} selects no pods`);
  const pods = await api.list<Pod>(
    { apiVersion: 'v1', kind: 'Pod', namespace },
    { labelSelector: selector.map(([key, value]) => `${key}=${value}`).join(',') },
  );
  const ready = pods.find(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
  if (ready === undefined) throw new CommandFailure(`${called} has no pod that is ready`);
  return { pod: ready.metadata.name, port: portOf(ready, target.targetPort ?? port) };
}

/** A Service may name a port of its pods. */
function portOf({ spec }: Pod, target: number | string): number {
  if (typeof target === 'number') return target;
  const ports = spec?.containers.flatMap((container) => container.ports ?? []);
  return ports?.find(({ name }) => name === target)?.containerPort ?? Number(target);
}
