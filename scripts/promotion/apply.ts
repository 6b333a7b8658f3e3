import { sleep } from '@darkroom/timing';
import { CommandFailure } from '../commands/failure.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import { ApiError } from './api-error.ts';
import { healthOf, isObserved, type PodObject, whyHopeless } from './health.ts';
import { inBatches } from './in-batches.ts';
import type { KubeApi } from './kube-api.ts';
import { isApplied, type Live, readLive } from './live.ts';
import type { Wave } from './waves.ts';

export type WaitOptions = {
  limitMs: number;
  /** Told what is waited for. */
  tell: (what: string) => void;
  signal: AbortSignal;
  /**
   * Waits to the limit also where a pod looks hopeless: one that ran before may only miss what is away just now.
   *
   * @default false
   */
  patient?: boolean;
};

/** KEDA refuses one whose workload is not there yet. */
const SCALER = 'ScaledObject';

/**
 * Applies the objects of a wave on the server's side.
 *
 * @param options.force takes fields over that others own
 * @throws CommandFailure with every object that was refused, and who owns the fields that conflict
 */
export async function applyWave(
  api: KubeApi,
  { name, objects }: Wave,
  { force }: { force: boolean },
): Promise<void> {
  const refusals: string[] = [];
  const applyAll = (some: readonly Manifest[]) =>
    inBatches(some, async (object) => {
      try {
        await api.apply(object, { force });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        refusals.push(`${nameOf(object)}: ${wordsOf(error)}`);
      }
    });
  await applyAll(objects.filter(({ kind }) => kind !== SCALER));
  await applyAll(objects.filter(({ kind }) => kind === SCALER));
  if (refusals.length === 0) return;
  throw new CommandFailure(`${api.context} refuses ${name}:\n  ${refusals.join('\n  ')}`);
}

/** A conflict names who owns each field, since whoever resolves it asks them. */
const wordsOf = (error: ApiError): string =>
  error.status === 409 && error.causes.length > 0
    ? error.causes.map(({ field, message }) => `${field}: ${message}`).join('; ')
    : error.message;

/**
 * Waits until all of them run as they were applied.
 *
 * @throws CommandFailure as soon as one of them cannot any more, else after `limitMs`
 */
export async function untilCurrent(
  api: KubeApi,
  objects: readonly Manifest[],
  { limitMs, tell, signal, patient = false }: WaitOptions,
): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  let waiting = [...objects];
  for (;;) {
    signal.throwIfAborted();
    const looks = await inBatches(waiting, async (object) => ({
      object,
      ...(await lookAt(api, object, { patient })),
    }));
    const failures = looks.filter(({ state }) => state === 'failed');
    const behind = looks.filter(({ state }) => state === 'in-progress');
    const words = (list: typeof looks) =>
      list.map(({ object, message }) => `${nameOf(object)}: ${message}`);
    if (failures.length > 0) {
      throw new CommandFailure(
        `it cannot run as it was applied:\n  ${words(failures).join('\n  ')}`,
      );
    }
    if (behind.length === 0) return;
    tell(words(behind).join('; ').slice(0, 300));
    if (performance.now() > giveUpAt) {
      throw new CommandFailure(
        `not running after ${limitMs / 1_000} s:\n  ${words(behind).join('\n  ')}`,
      );
    }
    waiting = behind.map(({ object }) => object);
    await sleep(LOOK_MS, signal);
  }
}

/** The canary and the workloads are waited for, one after the other, and most of them come within seconds. */
const LOOK_MS = 250;

async function lookAt(api: KubeApi, object: Manifest, { patient }: { patient: boolean }) {
  const live = await api.get(object);
  if (live === undefined)
    return { state: 'failed' as const, message: 'it was applied and is gone' };
  const health = healthOf(live);
  if (patient && health.state === 'failed') return { ...health, state: 'in-progress' as const };
  // The pods that there are belong to what it was before.
  if (health.state !== 'in-progress' || !isObserved(live)) return health;
  const hopeless = await hopelessPod(api, live);
  if (hopeless === undefined) return health;
  return { state: patient ? health.state : ('failed' as const), message: hopeless };
}

type Selecting = { selector?: { matchLabels?: Record<string, string> } };

/** Why a pod of the workload's newest template will not become ready. */
async function hopelessPod(api: KubeApi, live: Manifest): Promise<string | undefined> {
  const labels = (live['spec'] as Selecting | undefined)?.selector?.matchLabels;
  const { namespace } = live.metadata;
  if (labels === undefined || namespace === undefined) return undefined;
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const pods = await api.list<PodObject>(
    { apiVersion: 'v1', kind: 'Pod', namespace },
    { labelSelector },
  );
  const newest = await newestHash(api, live, labelSelector);
  return pods
    .filter(
      ({ metadata }) => newest === undefined || metadata.labels?.[newest.label] === newest.hash,
    )
    .map(whyHopeless)
    .find((why) => why !== undefined);
}

/** By which label the pods of a workload's newest template are told from older ones. */
async function newestHash(api: KubeApi, live: Manifest, labelSelector: string) {
  const { kind, metadata } = live;
  if (kind === 'StatefulSet') {
    const { updateRevision } = (live['status'] ?? {}) as { updateRevision?: string };
    return updateRevision === undefined
      ? undefined
      : { label: 'controller-revision-hash', hash: updateRevision };
  }
  if (kind !== 'Deployment') return undefined;
  const sets = await api.list(
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: metadata.namespace ?? '' },
    { labelSelector },
  );
  const revision = (object: Manifest) =>
    Number(object.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
  const [newest] = sets.sort((a, b) => revision(b) - revision(a));
  const hash = newest?.metadata.labels?.['pod-template-hash'];
  return hash === undefined ? undefined : { label: 'pod-template-hash', hash };
}

/** What is never taken away by itself: with it would go what it holds. */
const keeps = [
  'Namespace',
  'CustomResourceDefinition',
  'PersistentVolumeClaim',
  'PersistentVolume',
];

/**
 * The objects of earlier releases that a release has no more, as far as they may be taken away.
 *
 * @param objects of the release
 * @param earlier of those before it
 */
export async function obsoleteIn(
  api: KubeApi,
  objects: readonly Manifest[],
  earlier: readonly Manifest[],
): Promise<Manifest[]> {
  return obsoleteOf(await readLive(api, objects, earlier));
}

/** The same, of a cluster that was read with the earlier releases. */
export const obsoleteOf = ({ extra }: Live): Manifest[] =>
  extra.filter((object) => isApplied(object) && !keeps.includes(object.kind));

/** Takes them away. */
export async function prune(api: KubeApi, objects: readonly Manifest[]): Promise<void> {
  await inBatches(objects, (object) => api.remove(object));
}
