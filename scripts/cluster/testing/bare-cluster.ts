import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { exec } from '../exec.ts';
import { createKubectl, type Kubectl } from '../kubectl.ts';
import { cluster, programs } from './cluster-under-test.ts';

/** A control plane that runs no pod: its node waits for a network for ever. */
export type BareCluster = { kubectl: Kubectl; remove(): Promise<void> };

/** Makes one of the node image that the cluster under test was made of. */
export async function createBareCluster(purpose: string): Promise<BareCluster> {
  const name = `${cluster.name}-${purpose}`;
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  // Of its own, so that the developer's current context stays what it is.
  const access = ['--kubeconfig', join(folder, 'kubeconfig')];
  const image = await exec('docker', [
    ...['inspect', '--format', '{{.Config.Image}}', `${cluster.name}-control-plane`],
  ]);
  const removeCluster = () => exec(programs.kind, ['delete', 'cluster', '--name', name, ...access]);
  const remove = async () => {
    await removeCluster();
    rmSync(folder, { recursive: true });
  };
  // Tests that were killed may have left it.
  await removeCluster();
  const config = stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    networking: { apiServerAddress: '127.0.0.1', disableDefaultCNI: true, kubeProxyMode: 'none' },
    kubeadmConfigPatches: ['kind: KubeletConfiguration\nfailCgroupV1: false\n'],
  });
  try {
    await exec(
      programs.kind,
      [
        ...['create', 'cluster', '--name', name, '--image', image.trim(), '--config', '-'],
        ...['--wait', '0s', ...access],
      ],
      { input: config },
    );
  } catch (error) {
    await remove();
    throw error;
  }
  const kubectl = createKubectl(programs.kubectl, `kind-${name}`, access);
  return { kubectl, remove };
}
