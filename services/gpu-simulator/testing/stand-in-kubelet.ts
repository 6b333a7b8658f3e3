import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ClientReadableStream,
  credentials,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  type Caller,
  createCaller,
  devicePluginServices,
  podResourcesServices,
} from '../kubelet/protocol.ts';

export type Registration = {
  version: string;
  endpoint: string;
  resource_name: string;
  options: object;
};
export type AdvertisedDevice = {
  ID: string;
  health: string;
  topology: { nodes: { ID: number }[] };
};
export type PodDevices = { namespace: string; pod: string; container: string; ids: string[] };

/** A kubelet's side of the protocols, at real sockets, as far as a device plugin meets it. */
export type StandInKubelet = {
  readonly registrations: Registration[];
  /** The newest list of the plugin that registered last; undefined once its stream has ended. */
  devices(): AdvertisedDevice[] | undefined;
  /** Calls that plugin. */
  call<Response>(method: string, request: object): Promise<Response>;
  /** What pod-resources tells from now on; undefined: it does not answer. */
  holdDevices(pods: PodDevices[] | undefined): void;
  /** Calls of pod-resources whose callers still wait. */
  waiting(): number;
  stop(): void;
};

/** Starts as the kubelet does: first removes whatever lies in the folder, then makes its socket. */
export async function startKubelet(folder: string): Promise<StandInKubelet> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
  const registrations: Registration[] = [];
  let plugin: Caller | undefined;
  let stream: ClientReadableStream<{ devices: AdvertisedDevice[] }> | undefined;
  let devices: AdvertisedDevice[] | undefined;
  let pods: PodDevices[] | undefined = [];
  let waiting = 0;

  const register: handleUnaryCall<Registration, object> = (call, callback) => {
    const socket = join(folder, call.request.endpoint);
    const { DevicePlugin } = devicePluginServices();
    const caller = createCaller(DevicePlugin, socket);
    // Before it accepts a plugin, the kubelet asks it.
    caller.call('GetDevicePluginOptions', {}).then(
      () => {
        plugin?.close();
        stream?.cancel();
        plugin = caller;
        registrations.push(call.request);
        callback(null, {});
        const client = new DevicePlugin(`unix://${socket}`, credentials.createInsecure());
        const opened = client['ListAndWatch']?.({}) as NonNullable<typeof stream>;
        stream = opened;
        opened.on('data', (list) => {
          if (stream === opened) devices = list.devices;
        });
        const forget = () => {
          client.close();
          if (stream === opened) devices = undefined;
        };
        opened.on('end', forget);
        opened.on('error', forget);
      },
      (error: ServiceError) => callback(error),
    );
  };
  const list: handleUnaryCall<object, object> = (call, callback) => {
    if (pods === undefined) {
      waiting += 1;
      call.on('cancelled', () => {
        waiting -= 1;
      });
      return;
    }
    callback(null, {
      pod_resources: pods.map(({ namespace, pod, container, ids }) => ({
        name: pod,
        namespace,
        containers: [
          {
            name: container,
            devices: [
              { resource_name: 'nvidia.com/gpu', device_ids: ids },
              { resource_name: 'example.com/other', device_ids: ['other-0'] },
            ],
          },
        ],
      })),
    });
  };

  const server = new Server();
  server.addService(devicePluginServices().Registration.service, { Register: register });
  server.addService(podResourcesServices().PodResourcesLister.service, { List: list });
  await new Promise<void>((resolve, reject) => {
    const socket = `unix://${join(folder, 'kubelet.sock')}`;
    server.bindAsync(socket, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    registrations,
    devices: () => devices,
    call: (method, request) => {
      if (plugin === undefined) throw new Error('no plugin has registered');
      return plugin.call(method, request);
    },
    holdDevices: (held) => {
      pods = held;
    },
    waiting: () => waiting,
    stop: () => {
      stream?.cancel();
      plugin?.close();
      server.forceShutdown();
    },
  };
}
