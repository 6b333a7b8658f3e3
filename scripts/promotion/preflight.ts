import { HttpMethod } from '@kubernetes/client-node';
import { workloadsOf } from '../../platform/checks/pods.ts';
import { checkReferences } from '../../platform/checks/references.ts';
import { secrets as knownSecrets, type SecretKeys } from '../../platform/secrets.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import { inBatches } from './in-batches.ts';
import type { KubeApi } from './kube-api.ts';
import { checkPermissions } from './permissions.ts';
import type { Refusal } from './refusal.ts';

type SecretObject = Manifest & { data?: Record<string, string> };

const CHECK = 'preflight';

/**
 * What a cluster lacks for a release: found before anything is applied.
 *
 * @param options.forwarded namespaces whose Services this machine will be led to
 */
export async function preflight(
  api: KubeApi,
  objects: readonly Manifest[],
  { kubernetes, forwarded }: { kubernetes: string; forwarded: readonly string[] },
): Promise<Refusal[]> {
  const found = await Promise.all([
    checkVersion(api, kubernetes),
    checkKinds(api, objects),
    checkSecrets(api, objects),
    checkGpus(api, objects),
    checkPermissions(api, objects, { forwarded }),
  ]);
  return found.flat();
}

/** Manifests are written for a minor version, and the next ones keep what they use. */
async function checkVersion(api: KubeApi, wanted: string): Promise<Refusal[]> {
  const { gitVersion } = await api.request<{ gitVersion: string }>(HttpMethod.GET, '/version');
  const minorOf = (version: string) => Number(version.match(/^v?1\.(\d+)/)?.[1] ?? Number.NaN);
  if (minorOf(gitVersion) >= minorOf(wanted)) return [];
  return [
    {
      check: CHECK,
      problem: `${api.context} runs Kubernetes ${gitVersion}, and the release is made for ${wanted} or later`,
      remedy: 'upgrade the cluster first (docs/upgrade.md)',
    },
  ];
}

async function checkKinds(api: KubeApi, objects: readonly Manifest[]): Promise<Refusal[]> {
  type Definition = { group: string; names: { kind: string } };
  const defined = objects
    .filter(({ kind }) => kind === 'CustomResourceDefinition')
    .map((object) => object['spec'] as Definition)
    .map(({ group, names }) => `${group} ${names.kind}`);
  const kinds = new Map(
    objects.map((object) => [`${object.apiVersion.split('/')[0]} ${object.kind}`, object]),
  );
  const missing = await inBatches(
    [...kinds].filter(([name]) => !defined.includes(name)),
    async ([, object]) => ((await api.resource(object)) === undefined ? [object] : []),
  );
  return missing.flat().map((object) => ({
    check: CHECK,
    object: nameOf(object),
    field: 'kind',
    problem: `${api.context} serves no ${object.kind} of ${object.apiVersion}`,
    remedy: 'install its operator with its CustomResourceDefinitions (docs/gpu-cluster.md)',
  }));
}

/** Those that the release's pods read, unless the release itself has them brought. */
async function checkSecrets(api: KubeApi, objects: readonly Manifest[]): Promise<Refusal[]> {
  const brought = objects
    .filter(({ kind }) => kind === 'ExternalSecret')
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  const wanted = knownSecrets.filter(
    (secret) => isRead(secret, objects) && !brought.includes(`${secret.namespace}/${secret.name}`),
  );
  const found = await inBatches(wanted, async ({ namespace, name, keys }): Promise<Refusal[]> => {
    const secret = await api.get<SecretObject>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace },
    });
    const missing = keys.filter((key) => secret?.data?.[key] === undefined);
    if (missing.length === 0) return [];
    return [
      {
        check: CHECK,
        object: `Secret ${namespace}/${name}`,
        field: `data.${missing.join(', data.')}`,
        problem: secret === undefined ? 'is missing' : `has no ${missing.join(', ')}`,
        remedy: 'make it, or let External Secrets bring it (docs/gpu-cluster.md)',
      },
    ];
  });
  return found.flat();
}

/** Whether an object names it: then the references would not be whole without it. */
const isRead = (secret: SecretKeys, objects: readonly Manifest[]): boolean =>
  checkReferences(objects, workloadsOf(objects), {
    secrets: knownSecrets.filter((each) => each !== secret),
  }).length > checkReferences(objects, workloadsOf(objects)).length;

const GPU = 'nvidia.com/gpu';

/** The canary needs a GPU beside those that are in use. */
async function checkGpus(api: KubeApi, objects: readonly Manifest[]): Promise<Refusal[]> {
  type Quota = Manifest & {
    status?: { hard?: Record<string, string>; used?: Record<string, string> };
  };
  type NodeObject = Manifest & { status?: { allocatable?: Record<string, string> } };
  const quotas = await api.list<Quota>({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    namespace: 'darkroom',
  });
  // Before the first release nothing is used, and nodes may have no GPU until their plugin comes with it.
  if (quotas.length === 0) return [];
  const full = quotas.flatMap(({ metadata, status = {} }): Refusal[] => {
    const key = `requests.${GPU}`;
    const [hard, used] = [status.hard?.[key], status.used?.[key]];
    if (hard === undefined || Number(used ?? 0) < Number(hard)) return [];
    return [
      {
        check: CHECK,
        object: `ResourceQuota darkroom/${metadata.name}`,
        field: `spec.hard.${key}`,
        problem: `all ${hard} GPUs are in use, and the canary needs one`,
        remedy: 'wait until there is less work, or raise the quota of the environment',
      },
    ];
  });
  const nodes = await api.list<NodeObject>({ apiVersion: 'v1', kind: 'Node' });
  const gpus = nodes.reduce((sum, { status }) => sum + Number(status?.allocatable?.[GPU] ?? 0), 0);
  const grows = objects.some(({ kind }) => kind === 'NodePool');
  if (gpus > 0 || grows) return full;
  return [
    ...full,
    {
      check: CHECK,
      problem: `no node of ${api.context} gives ${GPU}`,
      remedy: 'see the device plugin: kubectl -n darkroom-gpu get pods',
    },
  ];
}
