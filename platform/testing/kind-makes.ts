import { parseAllDocuments } from 'yaml';
import { exec } from '../../scripts/cluster/exec.ts';
import { buildKindConfig } from '../../scripts/cluster/offline/kind-config.ts';
import { KUBERNETES_VERSION } from '../../scripts/cluster/offline/programs.ts';

type PortMapping = { ContainerPort: number; HostPort: number; ListenAddress: string };

/** What is read here of kind's internal form of a configuration. */
type Config = {
  Name: string;
  Nodes: {
    Role: string;
    Labels: Record<string, string> | null;
    ExtraPortMappings: PortMapping[];
  }[];
  Networking: { APIServerAddress: string };
  FeatureGates: Record<string, boolean> | null;
};

/** An object of kubeadm's configuration, with what some kinds of it have. */
type KubeadmObject = {
  kind: string;
  nodeRegistration?: { kubeletExtraArgs: Record<string, string>; taints?: unknown };
};

/**
 * What kind makes of a configuration: with its defaults, and kubeadm's objects by node.
 *
 * @throws ExecError with kind's own words on standard error, where kind refuses it
 */
export async function whatKindMakes(
  text: string,
): Promise<{ config: Config; kubeadm: Record<string, KubeadmObject[]> }> {
  const program = await buildKindConfig({ say: () => {} });
  const made: { Config: Config; Kubeadm: Record<string, string> } = JSON.parse(
    await exec(program, [KUBERNETES_VERSION], { input: text }),
  );
  const kubeadm = Object.entries(made.Kubeadm).map(
    ([node, objects]) =>
      [node, parseAllDocuments(objects).map((document) => document.toJS())] as const,
  );
  return { config: made.Config, kubeadm: Object.fromEntries(kubeadm) };
}
