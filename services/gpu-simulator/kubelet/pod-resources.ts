import { physicalId, replicaOf } from '../devices/devices.ts';
import { createCaller, podResourcesServices, RESOURCE_NAME } from './protocol.ts';

/** A container that holds a device, or a replica of one. */
export type Holder = {
  deviceId: string;
  /** Of a shared device, the number of the share. */
  replica: string | undefined;
  namespace: string;
  pod: string;
  container: string;
};

/** A `ListPodResourcesResponse` of the protocol, as far as it is read. */
type PodResources = {
  pod_resources: {
    name: string;
    namespace: string;
    containers: { name: string; devices: { resource_name: string; device_ids: string[] }[] }[];
  }[];
};

/** Asks the kubelet of this node which containers hold devices. */
export type HolderSource = {
  /** @throws Error when the kubelet does not answer within five seconds, or the signal aborts */
  holders(signal: AbortSignal): Promise<Holder[]>;
  close(): void;
};

/** @param socket of the kubelet's pod-resources API */
export function createHolderSource(socket: string): HolderSource {
  const kubelet = createCaller(podResourcesServices().PodResourcesLister, socket);
  return {
    holders: async (signal) => {
      const { pod_resources } = await kubelet.call<PodResources>('List', {}, signal);
      return pod_resources.flatMap(({ name: pod, namespace, containers }) =>
        containers.flatMap(({ name: container, devices }) =>
          devices
            .filter(({ resource_name }) => resource_name === RESOURCE_NAME)
            .flatMap(({ device_ids }) => device_ids)
            .map((id) => ({
              deviceId: physicalId(id),
              replica: replicaOf(id),
              namespace,
              pod,
              container,
            })),
        ),
      );
    },
    close: kubelet.close,
  };
}
