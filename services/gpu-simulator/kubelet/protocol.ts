import { fileURLToPath } from 'node:url';
import {
  type ChannelOptions,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export const RESOURCE_NAME = 'nvidia.com/gpu';

const ANSWER_LIMIT_MS = 5_000;

type Services<Names extends string> = Record<Names, ServiceClientConstructor>;

/** The services of the kubelet's device plugins (v1beta1), by the official protocol file. */
export const devicePluginServices = () =>
  load('device-plugin-v1beta1')['v1beta1'] as unknown as Services<'Registration' | 'DevicePlugin'>;

/** The kubelet's service that tells which pod holds which device (v1). */
export const podResourcesServices = () =>
  load('pod-resources-v1')['v1'] as unknown as Services<'PodResourcesLister'>;

function load(name: string) {
  const file = fileURLToPath(new URL(`./proto/${name}.proto`, import.meta.url));
  // Fields keep the protocol's own names (`devices_ids`), and those not sent have their defaults.
  return loadPackageDefinition(
    loadSync(file, { keepCase: true, longs: Number, defaults: true, arrays: true }),
  );
}

/** Calls one service at a socket. */
export type Caller = {
  /** @throws Error (gRPC's `ServiceError`) when no answer comes within five seconds, or the signal aborts */
  call<Response>(method: string, request: object, signal?: AbortSignal): Promise<Response>;
  close(): void;
};

/** @param socket the path of the unix socket; nothing needs to listen there yet */
export function createCaller(Service: ServiceClientConstructor, socket: string): Caller {
  const options: ChannelOptions = {
    'grpc.initial_reconnect_backoff_ms': 100,
    // The longest by default is two minutes: too long for a kubelet that comes back.
    'grpc.max_reconnect_backoff_ms': 1_000,
  };
  const client = new Service(`unix://${socket}`, credentials.createInsecure(), options);
  return {
    call: (method, request, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const call: ClientUnaryCall | undefined = client[method]?.(
          request,
          { deadline: Date.now() + ANSWER_LIMIT_MS },
          (error: Error | null, response: never) => {
            signal?.removeEventListener('abort', cancel);
            if (error) reject(error);
            else resolve(response);
          },
        );
        const cancel = () => call?.cancel();
        signal?.addEventListener('abort', cancel);
      }),
    close: () => client.close(),
  };
}
