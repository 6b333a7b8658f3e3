import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { shareConnections } from './share-connections.ts';

/**
 * A client of the Kubernetes API.
 *
 * @param kubeconfig the path of a kubeconfig file; without one, the pod's service account is used
 * @throws Error when the file cannot be read
 */
export function coreApi(kubeconfig: string | undefined): CoreV1Api {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromCluster();
  else config.loadFromFile(kubeconfig);
  shareConnections(config);
  return config.makeApiClient(CoreV1Api);
}
