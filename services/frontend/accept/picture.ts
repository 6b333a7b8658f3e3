import { DarkroomError } from '@darkroom/contract';
import type { StoredObject } from '@darkroom/storage';
import { fileOf } from './present.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

/** A finished picture. It never changes. */
export type Picture = {
  sha256: string;
  /**
   * Undefined where the object store has lost it.
   * @throws DarkroomError `unavailable`
   */
  read(): Promise<StoredObject | undefined>;
};

/** A generation, and the last segment of the picture's URL. */
export type PictureName = { id: string; file: string };

/**
 * Only files that the requester's own record names are looked for; undefined where there is none.
 *
 * @throws DarkroomError `unavailable`
 */
export async function findPicture(
  { id, file }: PictureName,
  { tenant }: Pick<Requester, 'tenant'>,
  { store, objects }: Pick<AcceptServices, 'store' | 'objects'>,
): Promise<Picture | undefined> {
  const record = await store.get(tenant, id);
  const image = record?.images.find((candidate) => fileOf(candidate) === file);
  if (image === undefined) return undefined;
  return { sha256: image.sha256, read: () => objects.get(image.key).catch(withoutPlace) };
}

/** Where pictures are kept is the operator's to know: the log tells it, of the cause. */
function withoutPlace(cause: unknown): never {
  if (!(cause instanceof DarkroomError) || cause.kind !== 'unavailable') throw cause;
  const message = 'the picture cannot be read now; it is safe, try again shortly';
  throw new DarkroomError('unavailable', message, { cause });
}
