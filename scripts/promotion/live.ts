import type { Manifest } from '../render/manifest.ts';
import { nameOf } from '../render/manifest.ts';
import { inBatches } from './in-batches.ts';
import { FIELD_MANAGER, type KubeApi } from './kube-api.ts';

/** An object as a cluster holds it. */
export type LiveObject = Manifest & {
  metadata: {
    uid?: string;
    ownerReferences?: unknown[];
    managedFields?: { manager: string; operation: string; subresource?: string; time?: string }[];
  };
};

/** What a cluster holds of a release, and what it holds beside it. */
export type Live = {
  /** By the names of the release's objects; without those that are missing. */
  objects: Map<string, Manifest>;
  /** Objects of the same kinds in the release's namespaces that belong to no controller. */
  extra: LiveObject[];
};

/** What a cluster puts into every namespace. */
const ofEveryNamespace = ['ConfigMap/kube-root-ca.crt', 'ServiceAccount/default'];

/** Labelled so, an object is the promotion's own: its record and its canaries. */
export const OWN_LABEL = 'darkroom.dev/promotion';

/**
 * Reads all of it, in few requests: the objects of a kind in a namespace at once.
 *
 * @param earlier objects of other releases: what is beside this one is also sought among their kinds
 */
export async function readLive(
  api: KubeApi,
  objects: readonly Manifest[],
  earlier: readonly Manifest[] = [],
): Promise<Live> {
  const wanted = new Map(objects.map((object) => [nameOf(object), object]));
  const ours = objects
    .filter(({ kind }) => kind === 'Namespace')
    .map(({ metadata }) => metadata.name);
  const lists = new Map<string, { apiVersion: string; kind: string; namespace?: string }>();
  for (const { apiVersion, kind, metadata } of [...objects, ...earlier]) {
    const namespaces =
      metadata.namespace === undefined ? [undefined] : [metadata.namespace, ...ours];
    for (const namespace of namespaces) {
      const of = { apiVersion, kind, ...(namespace !== undefined && { namespace }) };
      lists.set(JSON.stringify(of), of);
    }
  }
  const found = await inBatches([...lists.values()], (list) => api.list<LiveObject>(list));
  const live: Live = { objects: new Map(), extra: [] };
  for (const object of found.flat()) {
    const name = nameOf(object);
    const rendered = wanted.get(name);
    if (rendered !== undefined) live.objects.set(name, plain(object, rendered));
    else if (isExtra(object, ours)) live.extra.push(object);
  }
  return live;
}

const isExtra = (object: LiveObject, ours: readonly string[]): boolean => {
  const { kind, metadata } = object;
  if ((metadata.ownerReferences ?? []).length > 0) return false;
  if (metadata.labels?.[OWN_LABEL] !== undefined) return false;
  if (ofEveryNamespace.includes(`${kind}/${metadata.name}`)) return false;
  // A StatefulSet makes a claim for each pod, which stays when it goes.
  if (kind === 'PersistentVolumeClaim') return isApplied(object);
  // Of the kinds that belong to no namespace, clusters have many that are none of Darkroom's.
  return metadata.namespace === undefined ? isApplied(object) : ours.includes(metadata.namespace);
};

/** Whether a release applied it, this one or another. */
export const isApplied = ({ metadata }: LiveObject): boolean =>
  metadata.managedFields?.some(
    ({ manager, operation }) => manager === FIELD_MANAGER && operation === 'Apply',
  ) ?? false;

/** Annotations and labels that controllers write into objects of others. */
const byControllers =
  /^(deployment\.kubernetes\.io\/|deprecated\.daemonset\.|pv\.kubernetes\.io\/|volume\.(beta\.)?kubernetes\.io\/|scaledobject\.keda\.sh\/|kubectl\.kubernetes\.io\/last-applied-configuration$)/;

/**
 * What an object is by itself: without its status, without what names this cluster, and without the fields
 * that controllers own.
 *
 * @param rendered as it was applied, which tells whether an autoscaler owns the replicas
 */
export function plain(live: Manifest, rendered: Manifest): Manifest {
  const { status: _, ...object } = live;
  const { name, namespace, labels, annotations } = live.metadata;
  const kept = (values: Record<string, string> | undefined) => {
    const entries = Object.entries(values ?? {}).filter(([key]) => !byControllers.test(key));
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  };
  const metadata = {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(kept(labels) && { labels: kept(labels) }),
    ...(kept(annotations) && { annotations: kept(annotations) }),
  } as Manifest['metadata'];
  return withoutControllers({ ...object, metadata }, rendered) as Manifest;
}

type Spec = Record<string, unknown>;

function withoutControllers(object: Manifest, rendered: Manifest): Manifest {
  const spec = object['spec'] as Spec | undefined;
  const was = rendered['spec'] as Spec | undefined;
  const without = (...fields: string[]) => ({
    ...object,
    spec: Object.fromEntries(Object.entries(spec ?? {}).filter(([key]) => !fields.includes(key))),
  });
  switch (object.kind) {
    case 'Deployment':
      return was?.['replicas'] === undefined ? without('replicas') : object;
    case 'StatefulSet': {
      const claims = (spec?.['volumeClaimTemplates'] ?? []) as Spec[];
      const volumeClaimTemplates = claims.map(({ status: _, ...claim }) => claim);
      return { ...object, spec: { ...spec, volumeClaimTemplates } };
    }
    case 'Service':
      return without('clusterIP', 'clusterIPs', 'healthCheckNodePort');
    case 'Namespace':
      return without('finalizers');
    case 'PersistentVolumeClaim':
      return was?.['volumeName'] === undefined ? without('volumeName') : object;
    case 'PersistentVolume':
      return without('claimRef');
    case 'APIService':
      return without('caBundle');
    case 'ValidatingWebhookConfiguration':
    case 'MutatingWebhookConfiguration': {
      const webhooks = (object['webhooks'] ?? []) as { clientConfig: Spec }[];
      return {
        ...object,
        webhooks: webhooks.map(
          ({ clientConfig: { caBundle: _, ...clientConfig }, ...webhook }) => ({
            ...webhook,
            clientConfig,
          }),
        ),
      };
    }
    default:
      return object;
  }
}
