import { retryFor } from '@darkroom/timing';
import { HttpMethod } from '@kubernetes/client-node';
import { secrets as knownSecrets } from '../../platform/secrets.ts';
import { stampCredentials } from '../cluster/manifests.ts';
import type { Secrets } from '../cluster/secrets.ts';
import { CommandFailure } from '../commands/failure.ts';
import type { Release } from '../release/read-release.ts';
import { renderRelease } from '../release/render-release.ts';
import type { Manifest } from '../render/manifest.ts';
import { inBatches } from './in-batches.ts';
import { type KubeApi, openKubeApi } from './kube-api.ts';
import { createRecord, type Record, type StoredRelease } from './record.ts';
import { readTarget, type Target } from './target.ts';

/** An environment and its cluster. */
export type Environment = { target: Target; api: KubeApi; record: Record };

/**
 * Opens the cluster of an environment, after a look at whether it is that cluster.
 *
 * @throws CommandFailure where kubectl's configuration leads to another
 */
export async function openEnvironment(
  environments: string,
  name: string,
  options: { patienceMs?: number; signal?: AbortSignal } = {},
): Promise<Environment> {
  const target = await readTarget(environments, name);
  const api = openKubeApi(target.cluster.context, options);
  // One that starts knows neither its kinds yet nor whose rights are what, and refuses even this.
  const ready = () => api.request(HttpMethod.GET, '/readyz', { text: true });
  await retryFor(options.patienceMs ?? READY_MS, ready, options.signal);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } };
  const found = (await api.get(namespace))?.metadata as { uid?: string } | undefined;
  if (found?.uid !== target.cluster.id) {
    throw new CommandFailure(
      `${target.cluster.context} is not the cluster of ${name}: its id is ${found?.uid ?? 'unknown'}, and ` +
        `cluster.id in ${name}/target.yaml is ${target.cluster.id}; nothing was changed`,
    );
  }
  return { target, api, record: createRecord(api) };
}

/** For how long an API server may take to become ready. */
const READY_MS = 10_000;

type Rendered = StoredRelease['objects'] & { text: string };

/** What a release is in an environment, its pods stamped with the Secrets that the cluster has now. */
export async function renderFor(release: Release, { target, api }: Environment): Promise<Rendered> {
  const { infrastructure, apps } = await renderRelease(release, target.folder).catch(
    (error: Error) => {
      if (error instanceof CommandFailure) throw error;
      throw new CommandFailure(
        `${target.name} cannot bind ${release.lock.release}: ${error.message.trim()}; correct ${target.folder}`,
      );
    },
  );
  const secrets = await readSecrets(api);
  // Plain data in the manifests' own type: the stamp changes a template's annotation alone.
  const stamped = (objects: Manifest[]) => stampCredentials(objects, secrets) as Manifest[];
  return {
    infrastructure: stamped(infrastructure.objects),
    apps: stamped(apps.objects),
    text: `${infrastructure.text}\n---\n${apps.text}`,
  };
}

async function readSecrets(api: KubeApi): Promise<Secrets> {
  const secrets: Secrets = {};
  await inBatches(knownSecrets, async ({ namespace, name }) => {
    const found = await api.get<Manifest & { data?: { [key: string]: string } }>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace },
    });
    if (found?.data === undefined) return;
    const plain = Object.entries(found.data).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]);
    secrets[namespace] = { ...secrets[namespace], [name]: Object.fromEntries(plain) };
  });
  return secrets;
}
