import { withSignal } from '@darkroom/kubernetes';
import type { CoreV1Api } from '@kubernetes/client-node';

export type PodName = { namespace: string; pod: string };

/** Finds the addresses of pods. An address is asked for once, until it is forgotten. */
export type PodAddresses = {
  /**
   * @returns undefined while the pod has none
   * @throws Error when the API does not answer or refuses, or the signal aborts
   */
  find(name: PodName, signal: AbortSignal): Promise<string | undefined>;
  /** Another pod may have the name now: the next `find` asks again. */
  forget(name: PodName): void;
};

export function createPodAddresses(api: Pick<CoreV1Api, 'readNamespacedPod'>): PodAddresses {
  const known = new Map<string, string>();
  const key = ({ namespace, pod }: PodName) => `${namespace}/${pod}`;
  return {
    find: async (name, signal) => {
      const address = known.get(key(name));
      if (address !== undefined) return address;
      const { namespace, pod } = name;
      const { status } = await api.readNamespacedPod({ namespace, name: pod }, withSignal(signal));
      if (status?.podIP !== undefined) known.set(key(name), status.podIP);
      return status?.podIP;
    },
    forget: (name) => void known.delete(key(name)),
  };
}
