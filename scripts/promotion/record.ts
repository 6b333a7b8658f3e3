import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import { CommandFailure } from '../commands/command-failure.ts';
import { type ReleaseLock, writeDocument } from '../release/lock.ts';
import type { Manifest } from '../render/manifest.ts';
import { ApiError } from './api-error.ts';
import type { GoldenRequest } from './golden.ts';
import type { KubeApi } from './kube-api.ts';
import { OWN_LABEL } from './live.ts';

/** The namespace of what a cluster knows of its releases. */
export const NAMESPACE = 'darkroom-releases';

const entry = z.strictObject({
  release: z.string(),
  /** SHA-256 of the lock's bytes: what the release is, whatever its name. */
  lock: z.string(),
  /** SHA-256 of its objects as the environment binds them. */
  objects: z.string(),
  /**
   * `applying` until it is verified or given up; an interrupted promotion leaves it so. `rejected` is never
   * promoted again, `replaced` was verified once.
   */
  state: z.enum(['applying', 'verified', 'rejected', 'replaced']),
  /** The environment that it came from; null where it entered here. */
  from: z.string().nullable(),
  /** Why it was rejected. */
  reason: z.string().optional(),
  by: z.string(),
  beganAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
});
export type Entry = z.infer<typeof entry>;

const historyText = z
  .string()
  .transform((text, { addIssue }): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      addIssue(`it is no JSON: ${(error as Error).message}`);
      return z.NEVER;
    }
  })
  .pipe(z.array(entry));
/** The releases of a cluster, the newest first. */
export type History = readonly Entry[];

/** So many are kept, and those that run or could be gone back to, however long ago they came. */
const KEPT = 10;

/** What is needed to put a release back, and to see whether it is still what was applied. */
export type StoredRelease = {
  lock: ReleaseLock;
  /** Requests by which it is seen that it works. */
  golden: readonly GoldenRequest[];
  /** As rendered: what is applied. */
  objects: { infrastructure: Manifest[]; apps: Manifest[] };
  /** As the cluster held them once the release was verified; absent until then. */
  applied?: Manifest[];
};

export const allObjects = ({ infrastructure, apps }: StoredRelease['objects']): Manifest[] => [
  ...infrastructure,
  ...apps,
];

const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

export const lockDigest = (lock: ReleaseLock): string => sha256(writeDocument(lock));
export const objectsDigest = (objects: StoredRelease['objects']): string =>
  sha256(JSON.stringify(objects));

/** A release as an environment has bound it. */
export type Bound = Pick<Entry, 'lock' | 'objects'>;
export const isSame = (one: Bound, other: Bound): boolean =>
  one.lock === other.lock && one.objects === other.objects;

/** The release that a cluster runs, or undefined before its first. */
export const currentOf = (entries: History): Entry | undefined =>
  entries.find(({ state }) => state === 'verified');

/** The release that it goes back to: the newest that was verified and then replaced. */
export const previousOf = (entries: History): Entry | undefined =>
  entries.find(({ state }) => state === 'replaced');

/** A release that a promotion was interrupted at. */
export const interruptedOf = (entries: History): Entry | undefined =>
  entries.find(({ state }) => state === 'applying');

/** Why a release was rejected; bound otherwise, it may have worked. */
export function rejectionOf(entries: History, lock: string): Entry | undefined {
  const ofLock = entries.filter((each) => each.lock === lock);
  const worked = ofLock.some(({ state }) => state === 'verified' || state === 'replaced');
  return worked ? undefined : ofLock.find(({ state }) => state === 'rejected');
}

/** The history with what has become of a release; it is then the newest. */
export function recorded(entries: History, changed: Entry): History {
  const others = entries
    .filter((each) => !isSame(each, changed))
    // One that was interrupted is nothing any more once another is applied, or runs.
    .filter(({ state }) => changed.state === 'rejected' || state !== 'applying')
    .map((each) =>
      changed.state === 'verified' && each.state === 'verified'
        ? { ...each, state: 'replaced' as const }
        : each,
    );
  const all = [changed, ...others];
  const needed = [currentOf(all), previousOf(all)];
  return all.filter((each, index) => index < KEPT || needed.includes(each));
}

export const rejectedFor = (entry: Entry, reason: string): Entry => ({
  ...entry,
  state: 'rejected',
  reason,
  endedAt: new Date().toISOString(),
});

const labels = { 'app.kubernetes.io/part-of': 'darkroom', [OWN_LABEL]: 'record' };
const configMap = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: NAMESPACE, labels },
});
const short = (digest: string) => digest.slice('sha256:'.length, 'sha256:'.length + 12);
const nameFor = ({ lock, objects }: Bound) => `release-${short(lock)}-${short(objects)}`;

/** What a cluster knows of its releases; kept in the cluster itself, so that it can be put back from anywhere. */
export type Record = {
  history(): Promise<History>;
  write(entries: History): Promise<void>;
  release(bound: Bound): Promise<StoredRelease | undefined>;
  store(release: StoredRelease): Promise<void>;
};

export function createRecord(api: KubeApi): Record {
  return {
    history: async () => {
      const found = await api.get<Manifest & { data?: { history?: string } }>(configMap('history'));
      const text = found?.data?.history;
      if (text === undefined) return [];
      const parsed = historyText.safeParse(text);
      if (parsed.success) return parsed.data;
      throw new CommandFailure(
        `the ConfigMap ${NAMESPACE}/history of ${api.context} is not as it must be:\n${z.prettifyError(parsed.error)}`,
      );
    },
    write: async (entries) => {
      const data = { history: JSON.stringify(entries, null, 1) };
      await api.apply({ ...configMap('history'), data }, { force: true });
      const known = entries.map(nameFor);
      const stored = await api.list(
        { apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE },
        { labelSelector: `${OWN_LABEL}=record` },
      );
      for (const { metadata } of stored) {
        if (metadata.name.startsWith('release-') && !known.includes(metadata.name)) {
          await api.remove(configMap(metadata.name));
        }
      }
    },
    release: async (bound) => {
      const found = await api.get<Manifest & { binaryData?: { release?: string } }>(
        configMap(nameFor(bound)),
      );
      const packed = found?.binaryData?.release;
      if (packed === undefined) return undefined;
      const text = await promisify(gunzip)(Buffer.from(packed, 'base64'));
      return JSON.parse(text.toString()) as StoredRelease;
    },
    store: async (release) => {
      const { lock, objects } = release;
      const name = nameFor({ lock: lockDigest(lock), objects: objectsDigest(objects) });
      const packed = await promisify(gzip)(JSON.stringify(release), { level: 9 });
      const binaryData = { release: packed.toString('base64') };
      await api.apply({ ...configMap(name), binaryData }, { force: true });
    },
  };
}

/** The objects of the release that a cluster runs, and of one that a promotion is at or was interrupted at. */
export async function heldObjects(record: Record): Promise<Manifest[]> {
  const history = await record.history();
  const held = history.filter(({ state }) => state === 'verified' || state === 'applying');
  const stored = await Promise.all(held.map(record.release));
  return stored.flatMap((release) => (release === undefined ? [] : allObjects(release.objects)));
}

/** Makes the namespace of the record, unless it is there. */
export async function ensureNamespace(api: KubeApi): Promise<void> {
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: NAMESPACE,
      labels: {
        'app.kubernetes.io/part-of': 'darkroom',
        'pod-security.kubernetes.io/enforce': 'restricted',
      },
    },
  };
  if ((await api.get(namespace)) !== undefined) return;
  await api.create(namespace).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  });
}
