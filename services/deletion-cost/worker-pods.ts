import { withSignal } from '@darkroom/kubernetes';
import {
  type CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1ObjectMeta,
  type V1Pod,
} from '@kubernetes/client-node';

/** https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost */
const ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
const WORKERS = 'app.kubernetes.io/name=worker';

/** Of the pods' fields only the names and annotations are needed, and the rest is most of them. */
const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

export type WorkerPod = {
  name: string;
  /** As it stands in the annotation; undefined without one. */
  cost: string | undefined;
};

/**
 * The pods of the workers of one namespace. Both reject while the API does not answer or refuses, and
 * when the signal aborts.
 */
export type WorkerPods = {
  /** Those that are not being ended, as the API server remembers them. */
  list(signal: AbortSignal): Promise<WorkerPod[]>;
  /** @returns false when there is no such pod any more */
  setCost(name: string, cost: number, signal: AbortSignal): Promise<boolean>;
};

export function workerPods(
  api: Pick<CoreV1Api, 'listNamespacedPod' | 'patchNamespacedPod'>,
  namespace: string,
): WorkerPods {
  const standing = ({ deletionTimestamp }: V1ObjectMeta) => deletionTimestamp === undefined;
  return {
    list: async (signal) => {
      const pods = await api.listNamespacedPod(
        // From the API server's memory: a second old is new enough, and costs its database nothing.
        { namespace, labelSelector: WORKERS, resourceVersion: '0' },
        setHeaderOptions('Accept', METADATA, withSignal(signal)),
      );
      // The API server writes a list of no metadata as null, whatever the client's types say.
      const items: V1Pod[] | null = pods.items;
      return (items ?? [])
        .map(({ metadata = {} }) => metadata)
        .filter(standing)
        .map(({ name = '', annotations = {} }) => ({ name, cost: annotations[ANNOTATION] }));
    },
    setCost: async (name, cost, signal) => {
      try {
        await api.patchNamespacedPod(
          { namespace, name, body: { metadata: { annotations: { [ANNOTATION]: `${cost}` } } } },
          setHeaderOptions('Content-Type', PatchStrategy.MergePatch, withSignal(signal)),
        );
        return true;
      } catch (error) {
        if ((error as { code?: unknown }).code === 404) return false;
        throw error;
      }
    },
  };
}
