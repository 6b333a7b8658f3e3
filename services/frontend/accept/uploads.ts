import { createHash } from 'node:crypto';
import {
  DarkroomError,
  digestOfReference,
  type GenerationRequest,
  isReference,
  referenceOf,
  type resolveRequest,
  type Upload,
  type UploadReference,
  uploadKey,
} from '@darkroom/contract';
import { inspectUpload } from '@darkroom/uploads';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

type Services = Pick<AcceptServices, 'store' | 'objects'>;
type Tenant = Pick<Requester, 'tenant'>;

/**
 * Keeps a picture file that the requester brings, under the digest of its bytes: the same file is the
 * same upload. Only what decodes from end to end is kept.
 *
 * @throws DarkroomError `request` for what is no picture, too large or damaged, `unavailable`
 */
export async function keepUpload(
  file: Uint8Array,
  { tenant }: Tenant,
  { store, objects }: Services,
): Promise<Upload> {
  const { width, height } = await inspectUpload(file);
  const sha256 = createHash('sha256').update(file).digest('hex');
  // Before and after: what is noted as brought is not removed, and what is noted as stored is there.
  if (!(await store.noteUpload({ tenant, sha256, stored: false }))) throw beingRemoved();
  await objects.put(uploadKey(tenant, sha256), file, 'application/octet-stream');
  if (!(await store.noteUpload({ tenant, sha256, stored: true }))) throw beingRemoved();
  return { upload: referenceOf(sha256), width, height, bytes: file.length };
}

const beingRemoved = () =>
  new DarkroomError(
    'unavailable',
    'the same file was uploaded long ago and is being removed right now; try again shortly',
    { retryAfterS: 2, expose: true },
  );

/**
 * The request with references alone: base64 becomes an upload, and each upload is one that the
 * requester has. From now on these are kept as if they had just been brought.
 *
 * @throws DarkroomError `request` that names each upload that the requester does not have, or as
 *   `keepUpload`
 */
export async function useUploads(
  request: ReturnType<typeof resolveRequest>,
  requester: Tenant,
  services: Services,
): Promise<GenerationRequest> {
  const { initImage, mask, ...rest } = request;
  const [image, over] = await Promise.all([
    referenceFor('initImage', initImage, requester, services),
    referenceFor('mask', mask, requester, services),
  ]);
  const named = [image, over].filter((upload) => upload !== undefined);
  const digests = [...new Set(named.map(digestOfReference))];
  const found =
    digests.length === 0 ? [] : await services.store.useUploads(requester.tenant, digests);
  const missing = digests.filter((digest) => !found.includes(digest));
  if (missing.length > 0) {
    throw new DarkroomError(
      'request',
      `there is no upload ${missing.map(referenceOf).join(', ')}: it was never sent here under this ` +
        'API key, or was not used for so long that it is removed. Send the file to POST /uploads (again)',
    );
  }
  return {
    ...rest,
    ...(image !== undefined && { initImage: image }),
    ...(over !== undefined && { mask: over }),
  };
}

async function referenceFor(
  field: 'initImage' | 'mask',
  picture: string | undefined,
  requester: Tenant,
  services: Services,
): Promise<UploadReference | undefined> {
  if (picture === undefined || isReference(picture)) return picture;
  try {
    return (await keepUpload(Buffer.from(picture, 'base64'), requester, services)).upload;
  } catch (error) {
    if (!(error instanceof DarkroomError) || error.kind !== 'request') throw error;
    throw new DarkroomError('request', `${field}: ${error.message}`, { cause: error });
  }
}
