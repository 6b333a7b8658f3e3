import { createHash } from 'node:crypto';
import { DarkroomError, fileNameOf, type StoredImage } from '@darkroom/contract';
import type { StoredObject } from '@darkroom/storage';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

/** A finished picture. It never changes. */
export type Picture = {
  sha256: string;
  /**
   * Undefined where the object store has lost it.
   * @throws DarkroomError `unavailable`, or `damaged` where the store has other bytes than it was given
   */
  read(): Promise<StoredObject | undefined>;
};

/** A generation, and the last segment of the picture's URL. */
export type PictureName = { id: string; file: string };

type Services = Pick<AcceptServices, 'store' | 'objects' | 'metrics'>;

/**
 * Finds a picture that the requester's own record names; undefined where there is none.
 *
 * @throws DarkroomError `unavailable`
 */
export async function findPicture(
  { id, file }: PictureName,
  { tenant, log }: Pick<Requester, 'tenant' | 'log'>,
  { store, objects, metrics }: Services,
): Promise<Picture | undefined> {
  const record = await store.get(tenant, id);
  const image = record?.images.find((candidate) => fileNameOf(candidate.key) === file);
  if (image === undefined) return undefined;
  const { key, sha256 } = image;
  const read = async () => {
    const object = await objects.get(key, { maxBytes: largestFile(image) }).catch(withoutPlace);
    const found = object === undefined ? undefined : digestOf(object.bytes);
    if (found === sha256) return object;
    metrics.imagesBroken.add(1, { fault: found === undefined ? 'missing' : 'damaged' });
    const bytes = object?.bytes.length;
    log.error(
      { key, sha256, found, bytes },
      'the object store does not have a picture as it was stored',
    );
    if (object !== undefined) throw damaged(image);
    return undefined;
  };
  return { sha256, read };
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes of a PNG of four channels that does not compress, and ample room for its chunks. */
const largestFile = ({ width, height }: StoredImage): number => width * height * 4 + 64 * 1024;

const damaged = ({ seed }: StoredImage): DarkroomError =>
  new DarkroomError(
    'damaged',
    'the picture is damaged in the object store and is not sent: its SHA-256 is not the recorded one. ' +
      `Create the generation again with the same request and seed ${seed} to get the same picture`,
  );

/** Only operators may know where pictures are kept: the log has it, of the cause. */
function withoutPlace(cause: unknown): never {
  if (!(cause instanceof DarkroomError)) throw cause;
  const message = 'the picture cannot be read now; it is safe, try again shortly';
  throw new DarkroomError('unavailable', message, { cause, expose: true });
}
