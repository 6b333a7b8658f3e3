import { z } from 'zod';

/** Largest file of an upload, in bytes. */
export const UPLOAD_LIMIT = 10 * 2 ** 20;

/** Longest base64 of a picture within a request, in characters; of a file of 352 KiB. */
const INLINE_LIMIT = 480 * 1024;

/** An upload by the SHA-256 of its file, as `POST /uploads` answers. */
export const uploadReference = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]);
export type UploadReference = z.infer<typeof uploadReference>;

/** What `POST /uploads` answers. */
export type Upload = {
  upload: UploadReference;
  /** In pixels, turned as its EXIF orientation says. */
  width: number;
  height: number;
  /** Of the file. */
  bytes: number;
};

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A picture that a request brings: an upload, or a small file as base64. */
export const pictureInput = z
  .string()
  .refine(
    (value) =>
      uploadReference.safeParse(value).success ||
      (value.length <= INLINE_LIMIT && value.length % 4 === 0 && base64.test(value)),
    'must be an upload ("sha256:…", as POST /uploads answers) or a picture file as base64 of at most ' +
      `${INLINE_LIMIT} characters; upload a larger one`,
  );

export const isReference = (picture: string): picture is UploadReference =>
  picture.startsWith('sha256:');

export const referenceOf = (sha256: string): UploadReference => `sha256:${sha256}`;

export const digestOfReference = (upload: UploadReference): string =>
  upload.slice('sha256:'.length);
