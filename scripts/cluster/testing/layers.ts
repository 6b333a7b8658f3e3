import { join } from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import { renderFolder } from '../../render/render.ts';
import { stampCredentials } from '../manifests.ts';
import { folderOf } from '../names.ts';
import { ensureSecrets } from '../secrets.ts';
import { cluster, kubectl } from './cluster-under-test.ts';

/** Where `cluster up` has written what it bound in a layer of this cluster. */
export const layerFolder = (layer: string): string =>
  join(folderOf({ cluster: cluster.name }), layer);

/** The objects of such a folder, stamped with the Secrets that the cluster has now. */
export async function layerObjects(layer: string): Promise<KubernetesObject[]> {
  const { objects } = await renderFolder(layerFolder(layer));
  return stampCredentials(objects, await ensureSecrets(kubectl));
}

export const listOf = (items: unknown[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
