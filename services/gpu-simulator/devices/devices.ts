import { createHash } from 'node:crypto';

/** NVIDIA's code for a GPU that has fallen off the bus. */
const FALLEN_OFF_THE_BUS = 79;

/** One simulated GPU. */
export type Device = {
  /** As NVIDIA writes a UUID: `GPU-` and 8-4-4-4-12 hexadecimal digits. */
  readonly id: string;
  /** From 0, in the order of the node. */
  readonly index: number;
  readonly healthy: boolean;
  /** The last XID error; 0 for none. */
  readonly xid: number;
};

/** The GPUs of one node and their health. */
export type Devices = {
  list(): readonly Device[];
  /** By its id, by the id of one of its replicas, or by its index. */
  find(name: string): Device | undefined;
  /** The ids to advertise: each device's own, or those of its replicas (`ID::0`, …). */
  advertisedIds(device: Device): string[];
  /**
   * Marks a device and tells whoever listens.
   *
   * @param xid the error that made it unhealthy
   */
  setHealth(device: Device, healthy: boolean, xid?: number): Device;
  /** @returns a function that ends the listening */
  onChange(listener: () => void): () => void;
};

/**
 * Devices whose ids follow from the node's name and their index, because the kubelet's checkpoint
 * knows devices by id across restarts of both.
 *
 * @param options.replicas containers that share each device; with 1 the ids have no suffix
 */
export function createDevices(options: {
  nodeName: string;
  count: number;
  replicas: number;
}): Devices {
  const { nodeName, count, replicas } = options;
  const devices = Array.from(
    { length: count },
    (_, index): Device => ({ id: deviceId(nodeName, index), index, healthy: true, xid: 0 }),
  );
  const listeners = new Set<() => void>();
  return {
    list: () => devices,
    find: (name) => devices.find(({ id, index }) => id === physicalId(name) || name === `${index}`),
    advertisedIds: ({ id }) =>
      replicas === 1 ? [id] : Array.from({ length: replicas }, (_, replica) => `${id}::${replica}`),
    setHealth: ({ id, index }, healthy, xid = FALLEN_OFF_THE_BUS) => {
      const device = { id, index, healthy, xid: healthy ? 0 : xid };
      devices[index] = device;
      for (const listener of listeners) listener();
      return device;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The id of the device that a replica is a share of; another id as it is. */
export const physicalId = (advertisedId: string): string => advertisedId.split('::')[0] ?? '';

/** The number of a replica; undefined for a device that is not shared. */
export const replicaOf = (advertisedId: string): string | undefined => advertisedId.split('::')[1];

function deviceId(nodeName: string, index: number): string {
  const hash = createHash('sha256').update(`${nodeName}/${index}`).digest('hex');
  const groups = [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20)];
  return `GPU-${groups.join('-')}-${hash.slice(20, 32)}`;
}
