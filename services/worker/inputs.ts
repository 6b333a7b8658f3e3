import { createHash } from 'node:crypto';
import { DarkroomError, digestOfReference, UPLOAD_LIMIT, uploadKey } from '@darkroom/contract';
import type { PictureRequest } from '@darkroom/diffusion';
import type { GenerationRecord } from '@darkroom/generations';
import type { ObjectStore } from '@darkroom/storage';
import { decodeMask, decodePicture } from '@darkroom/uploads';

/** The pictures that a request names, as the engine takes them. */
export type Inputs = Pick<PictureRequest, 'initImage' | 'mask'>;

/** A picture that the request names is no use; trying again would find the same. */
export class InputUnusable extends Error {
  override readonly name = 'InputUnusable';
  readonly code = 'INPUT';
}

/**
 * Fetches and decodes the pictures that a request names, here and not in the inference process, which
 * has no connection and takes numbers alone.
 *
 * @throws InputUnusable where one is gone, damaged, or cannot be decoded; DarkroomError `unavailable`
 *   when the object store is away
 */
export async function loadInputs(
  objects: Pick<ObjectStore, 'get'>,
  { tenant, request }: Pick<GenerationRecord, 'tenant' | 'request'>,
): Promise<Inputs> {
  const load = async (field: 'initImage' | 'mask', decode: typeof decodePicture) => {
    const upload = request[field];
    if (upload === undefined) return {};
    const sha256 = digestOfReference(upload);
    const object = await objects.get(uploadKey(tenant, sha256), { maxBytes: UPLOAD_LIMIT });
    if (object === undefined) throw unusable(field, upload, 'is not in the object store any more');
    const found = createHash('sha256').update(object.bytes).digest('hex');
    if (found !== sha256) throw unusable(field, upload, 'is damaged in the object store');
    try {
      return { [field]: await decode(object.bytes, request) };
    } catch (error) {
      if (!(error instanceof DarkroomError)) throw error;
      throw unusable(field, upload, `cannot be used: ${error.message}`);
    }
  };
  const [image, mask] = await Promise.all([
    load('initImage', decodePicture),
    load('mask', decodeMask),
  ]);
  return { ...image, ...mask };
}

const unusable = (field: string, upload: string, what: string) =>
  new InputUnusable(
    `${field}: ${upload} ${what}. Send the file again and create the generation anew`,
  );
