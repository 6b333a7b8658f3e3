import type { Logger } from '@darkroom/lifecycle';
import {
  type handleUnaryCall,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { DeviceFiles } from '../devices/device-files.ts';
import { type Devices, physicalId } from '../devices/devices.ts';
import { type PreferenceRequest, preferredAllocation } from './preferred-allocation.ts';
import { RESOURCE_NAME } from './protocol.ts';

/** What the kubelet is told when the plugin registers, and when it asks. */
export const OPTIONS = { pre_start_required: false, get_preferred_allocation_available: true };

/** The service `DevicePlugin` of the protocol. */
export type DevicePluginService = {
  handlers: UntypedServiceImplementation;
  /** Streams of devices that are open now. */
  watches(): number;
  /** Ends them; without, a server would wait for them for ever. */
  endWatches(): void;
};

export function createDevicePluginService(options: {
  devices: Devices;
  files: DeviceFiles;
  logger: Logger;
}): DevicePluginService {
  const { devices, files, logger } = options;
  const streams = new Set<ServerWritableStream<object, { devices: object[] }>>();

  const advertised = () =>
    devices.list().flatMap((device) =>
      devices.advertisedIds(device).map((ID) => ({
        ID,
        health: device.healthy ? 'Healthy' : 'Unhealthy',
        topology: { nodes: [{ ID: 0 }] },
      })),
    );

  const listAndWatch = (stream: ServerWritableStream<object, { devices: object[] }>) => {
    streams.add(stream);
    const send = () => void stream.write({ devices: advertised() });
    const ignore = devices.onChange(send);
    const forget = () => {
      ignore();
      streams.delete(stream);
    };
    stream.on('cancelled', forget);
    stream.on('error', forget);
    stream.on('finish', forget);
    send();
  };

  const allocateContainer = async (advertisedIds: readonly string[]) => {
    // Two replicas of one device are one device in the container.
    const ids = [...new Set(advertisedIds.map(physicalId))];
    const unknown = ids.filter((id) => devices.find(id) === undefined);
    if (unknown.length > 0) {
      throw new RangeError(`this node has no ${RESOURCE_NAME} named ${unknown.join(', ')}`);
    }
    const provided = await Promise.all(ids.map(files.provide));
    logger.info({ devices: advertisedIds }, 'devices allocated');
    return {
      envs: {
        NVIDIA_VISIBLE_DEVICES: ids.join(','),
        NVIDIA_DRIVER_CAPABILITIES: 'compute,utility',
        GPU_DEVICE_FILES: provided.map(({ containerPath }) => containerPath).join(','),
      },
      mounts: provided.map(({ containerPath, hostPath }) => ({
        container_path: containerPath,
        host_path: hostPath,
        read_only: true,
      })),
    };
  };

  return {
    handlers: {
      GetDevicePluginOptions: unary(() => OPTIONS),
      ListAndWatch: listAndWatch,
      GetPreferredAllocation: unary((request: { container_requests: PreferenceRequest[] }) => ({
        container_responses: request.container_requests.map((container) => ({
          deviceIDs: preferredAllocation(container),
        })),
      })),
      Allocate: unary(async (request: { container_requests: { devices_ids: string[] }[] }) => ({
        container_responses: await Promise.all(
          request.container_requests.map(({ devices_ids }) => allocateContainer(devices_ids)),
        ),
      })),
      PreStartContainer: unary(() => ({})),
    },
    watches: () => streams.size,
    endWatches: () => {
      for (const stream of streams) stream.end();
    },
  };
}

/** What a function returns is the answer; a `RangeError` says that the request is wrong. */
const unary =
  <Request>(
    answer: (request: Request) => object | Promise<object>,
  ): handleUnaryCall<Request, object> =>
  (call, callback) => {
    (async () => answer(call.request))().then(
      (response) => callback(null, response),
      (error: Error) => {
        const code = error instanceof RangeError ? status.INVALID_ARGUMENT : status.INTERNAL;
        callback({ code, details: error.message });
      },
    );
  };
