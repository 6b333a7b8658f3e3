import { pinhole } from '@darkroom/pinhole';
import { copyModel, hasModel, MODEL_SOURCE_PREFIX } from '@darkroom/worker';
import { workloadsOf } from '../../platform/checks/pods.ts';
import { CommandFailure } from '../commands/failure.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import type { KubeApi } from './kube-api.ts';
import { type ModelStore, type OpenModelStore, openModelStore, placeOf } from './model-store.ts';
import type { Refusal } from './refusal.ts';

/** A version of a model: where this machine reads it, and where the target's workers will look for it. */
export type ModelCopy = { name: string; digest: string; from: string; to: string };

/**
 * What has to be copied so that a target's workers find every model under its digest. Where both environments
 * use the same bucket, `from` and `to` are the same. What comes with the worker's image is left out.
 *
 * @param models digests by name, as the release has them
 * @param source none: the release enters here, and its models are where they were pushed
 */
export function modelCopies(
  models: Readonly<Record<string, string>>,
  source: ModelStore | undefined,
  target: ModelStore,
): ModelCopy[] {
  return Object.entries(models)
    .filter(([name]) => name !== pinhole.name)
    .map(([name, digest]) => ({
      name,
      digest,
      from: placeOf(source ?? target, name),
      to: placeOf(target, name),
    }));
}

/** Workers of a rendered release that would run another version of their model than the release has. */
export function unboundWorkers(
  objects: readonly Manifest[],
  models: Readonly<Record<string, string>>,
): Refusal[] {
  return workloadsOf(objects).flatMap(({ object, labels, annotations }) => {
    const model = labels['darkroom.dev/model'];
    const digest = annotations[MODEL_DIGEST];
    if (model === undefined || digest === models[model]) return [];
    return {
      check: 'models',
      object: nameOf(object),
      field: `spec.template.metadata.annotations[${MODEL_DIGEST}]`,
      problem: `is ${digest ?? 'missing'}, and the release has ${models[model] ?? 'no such model'}`,
      remedy: 'let no patch of the environment bind it: the release does',
    };
  });
}

const MODEL_DIGEST = 'darkroom.dev/model-digest';

/** An environment's store, and the cluster that has the keys for it. */
type Access = { api: KubeApi; store: ModelStore };

/**
 * Copies the versions that the target lacks, and sees that they are there. A copy that was cut off is gone on
 * with. Where the target has all of them, the source is not opened.
 *
 * @throws CommandFailure that names model and environment, and says what to do
 */
export async function copyModels(
  copies: readonly ModelCopy[],
  options: {
    source: Access | undefined;
    target: Access;
    tell: (what: string) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const { tell, signal } = options;
  const [source, target] = [options.source && openOnce(options.source), openOnce(options.target)];
  try {
    for (const copy of copies) {
      const { name, from, to } = copy;
      const digest = copy.digest.replace('sha256:', '');
      tell(name);
      if (await has(target, { name, digest }, signal)) continue;
      if (source === undefined || from === to) throw missing(copy, target.store, to);
      if (!(await has(source, { name, digest }, signal))) throw missing(copy, source.store, from);
      let at = { path: '', bytes: 0, of: 0 };
      const tellBytes = (ofFile: number) =>
        tell(`${name}: ${inMiB(at.bytes + ofFile)} of ${inMiB(at.of)} MiB, ${at.path}`);
      await copyModel({
        from: { objects: counted(await source.open(), tellBytes), prefix: MODEL_SOURCE_PREFIX },
        to: { objects: await target.open(), prefix: MODEL_SOURCE_PREFIX },
        ...{ name, digest, signal },
        onFile: ({ path }, done) => {
          at = { path, ...done };
        },
      }).catch((error: Error) => {
        signal.throwIfAborted();
        throw new CommandFailure(
          `${name} cannot be copied from ${from} to ${to}: ${error.message}; then promote again: it goes on ` +
            `with the files that are left. ${reached(source.store)}; ${reached(target.store)}`,
        );
      });
    }
  } finally {
    await Promise.all([source?.close(), target.close()]);
  }
}

/** Tells how much of an object was read so far: one may have gigabytes. */
const counted = (
  objects: OpenModelStore,
  onBytes: (bytes: number) => void,
): Pick<OpenModelStore, 'get' | 'read'> => ({
  get: objects.get,
  read: async (key) => {
    const content = await objects.read(key);
    return content && countedContent(content, onBytes);
  },
});

async function* countedContent(
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncIterable<Uint8Array> {
  let bytes = 0;
  onBytes(bytes);
  for await (const chunk of content) {
    yield chunk;
    bytes += chunk.length;
    onBytes(bytes);
  }
}

/** Opened when something is first asked of it. */
function openOnce({ api, store }: Access) {
  let opened: Promise<OpenModelStore> | undefined;
  return {
    store,
    open: () => {
      opened ??= openModelStore(api, store);
      return opened;
    },
    close: async () => (await opened?.catch(() => undefined))?.close(),
  };
}

/** @throws CommandFailure where the store cannot be asked */
async function has(
  { store, open }: ReturnType<typeof openOnce>,
  version: { name: string; digest: string },
  signal: AbortSignal,
): Promise<boolean> {
  const objects = await open();
  return hasModel({ objects, prefix: MODEL_SOURCE_PREFIX }, version).catch((error: Error) => {
    signal.throwIfAborted();
    throw new CommandFailure(
      `the object store of ${store.environment} cannot be asked for ${version.name}: ${error.message}; ${reached(store)}`,
    );
  });
}

const missing = ({ name, digest }: ModelCopy, { environment }: ModelStore, place: string) =>
  new CommandFailure(
    `the model ${name} (${digest}) is not in the object store of ${environment}, ${place}; push the release's ` +
      `files there first (\`darkroom models push FOLDER --name ${name}\`)`,
  );

/** By what it is reached, and where somebody says otherwise. */
const reached = ({ environment, endpoint, secret }: ModelStore) =>
  `${environment} is reached at ${endpoint} with the keys of its Secret darkroom/${secret}, unless ` +
  `objectStore in ${environment}/target.yaml names others`;

const inMiB = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
