import { isTerminal, objectPrefix } from '@darkroom/contract';
import type { GenerationRecord, WorkerStore } from '@darkroom/generations';
import type { ObjectStore } from '@darkroom/storage';
import type { MadePicture } from './run.ts';

/**
 * Stores the pictures that are not stored yet. Keys carry the content's digest, so a rerun to the
 * same bits writes the same objects again. Ends when nothing is being written any more, even where a
 * picture could not be stored.
 */
export async function storePictures(
  objects: ObjectStore,
  pictures: readonly MadePicture[],
): Promise<void> {
  const puts = pictures.flatMap(({ key, png }) =>
    png === undefined ? [] : [objects.put(key, png, 'image/png')],
  );
  await Promise.allSettled(puts);
  await Promise.all(puts);
}

/**
 * Removes what attempts left under a generation's prefix, checkpoints included, and its record does
 * not name.
 *
 * Only once the record is terminal: before, another attempt may be about to name what lies there,
 * since the same bits have the same key. A worker that ends the record collects what was written
 * until then; one that writes later finds its completion refused, and collects its own. So nothing
 * that a record names is ever removed. A record that is gone, deleted or undone by a restore, names
 * nothing, and no id comes again. Of a record that no worker ended (a sweep or a refused claim
 * did: its deadline, its attempts, a cancel) what a dead worker had stored stays.
 */
export async function collectLeftovers(options: {
  store: Pick<WorkerStore, 'get'>;
  objects: ObjectStore;
  record: GenerationRecord;
}): Promise<void> {
  const { store, objects, record } = options;
  const now = await store.get(record.tenant, record.id);
  if (now !== undefined && !isTerminal(now.state)) return;
  const named = new Set(now?.images.map(({ key }) => key));
  const leftovers = (await objects.list(objectPrefix(record))).filter((key) => !named.has(key));
  if (leftovers.length > 0) await objects.remove(leftovers);
}
