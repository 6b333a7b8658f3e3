import type { Kubectl } from '../../cluster/kubectl.ts';
import { type ClusterNames, clusterNames } from '../../cluster/names.ts';
import { ensureSecrets } from '../../cluster/secrets.ts';
import { createCluster } from '../../cluster/up.ts';
import { renderEnvironment } from '../../render/render.ts';

/** A second cluster with a registry of its own; it gets everything by promotion. */
export const productionNames: ClusterNames = clusterNames({
  name: 'darkroom-test-target',
  port: 30_083,
  registryPort: 5_004,
});

/**
 * Makes it, as an operator prepares one: with its namespaces and the Secrets in them, and nothing else.
 */
export async function createProduction(note: (line: string) => void): Promise<Kubectl> {
  const { kubectl } = await createCluster({ names: productionNames, note });
  const { infrastructure } = await renderEnvironment('kind');
  const namespaces = infrastructure.objects.filter(({ kind }) => kind === 'Namespace');
  await kubectl.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: namespaces }));
  await ensureSecrets(kubectl);
  return kubectl;
}
