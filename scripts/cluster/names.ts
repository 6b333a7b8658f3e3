import { join } from 'node:path';
import { repository } from '../repository.ts';

/** What a cluster is called, and the ports of this machine that it takes. */
export type ClusterNames = {
  /** kind's name of it. */
  cluster: string;
  /** The container of its registry. */
  registry: string;
  /** The registry's port on loopback. */
  registryPort: number;
  /** The API's port on loopback: the frontend's NodePort. */
  port: number;
};

export const clusterNames = (options: {
  name: string;
  port: number;
  registryPort: number;
}): ClusterNames => ({
  cluster: options.name,
  registry: `${options.name}-registry`,
  registryPort: options.registryPort,
  port: options.port,
});

/** Where what belongs to one cluster of this checkout lies. */
export const folderOf = ({ cluster }: Pick<ClusterNames, 'cluster'>): string =>
  join(repository, '.darkroom', 'clusters', cluster);

/** Docker's filter for the nodes of a cluster, as kind labels them; of any cluster without a name. */
export const ofCluster = (name?: string): string =>
  `label=io.x-k8s.kind.cluster${name === undefined ? '' : `=${name}`}`;

/** kubectl's context of the cluster, as kind names it. */
export const contextOf = ({ cluster }: ClusterNames): string => `kind-${cluster}`;

/** The registry's name in manifests; each node's containerd knows where it really is. */
export const REGISTRY = 'localhost:5001';

/** kind's network, on which nodes and registry reach each other. */
export const NETWORK = 'kind';

/** The frontend's NodePort, as in platform/components/node-port and kind-config.yaml. */
export const NODE_PORT = 30080;
