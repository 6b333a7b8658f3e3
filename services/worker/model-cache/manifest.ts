// The layout of models in an object store. All names are below `PREFIX` `NAME/`:
//
// - `files/SHA256`: the content of a file, once, however many versions have it
// - `DIGEST.json`: the manifest of a version, written after its files
// - `manifest.json`: the same document for the version that was pushed last
//
// Files and versions are named by their content, so that none is ever changed: what a release was made with
// is still there after the next one.
import { createHash } from 'node:crypto';
import { DarkroomError } from '@darkroom/contract';
import type { ObjectStore } from '@darkroom/storage';
import { z } from 'zod';

/** As object keys are: no segment leads out of the folder, or is a name that this step gives itself. */
const path = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/,
    'must be a relative path',
  );

/** What a version of a model is made of. */
const modelManifest = z
  .object({
    files: z
      .array(
        z.object({
          /** Within the model's folder. */
          path,
          bytes: z.int().min(0),
          /** Hexadecimal. */
          sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal'),
        }),
      )
      .min(1),
  })
  .refine(
    ({ files }) => new Set(files.map((file) => file.path)).size === files.length,
    'paths must be unique',
  );
export type ModelManifest = z.output<typeof modelManifest>;
export type ManifestFile = ModelManifest['files'][number];

/** Where the models are in the object store. */
export const MODEL_SOURCE_PREFIX = 'models/';

const MAX_MANIFEST_BYTES = 10 * 2 ** 20;

/** A model in an object store, and which version of it. */
export type ModelPlace = {
  /** Where the models are in the object store, with a `/` at its end. */
  prefix: string;
  name: string;
  /** 64 hexadecimal digits, as `manifestDigest`; absent: the version that was pushed last. */
  digest?: string | undefined;
};

const manifestKey = ({ prefix, name, digest = 'manifest' }: ModelPlace) =>
  `${prefix}${name}/${digest}.json`;

/** Below it are the contents of a model's files, each by its SHA-256. */
const filesPrefix = ({ prefix, name }: ModelPlace) => `${prefix}${name}/files/`;
export const fileKey = (place: ModelPlace, { sha256 }: { sha256: string }) =>
  `${filesPrefix(place)}${sha256}`;

/**
 * Those of a version's files whose content the object store does not have: of several with one content, the
 * first.
 */
export async function filesNotThere(
  objects: Pick<ObjectStore, 'list'>,
  place: ModelPlace,
  files: readonly ManifestFile[],
): Promise<ManifestFile[]> {
  const keys = new Set(await objects.list(filesPrefix(place)));
  return files.filter((file) => {
    const key = fileKey(place, file);
    const isNew = !keys.has(key);
    keys.add(key);
    return isNew;
  });
}

/**
 * The manifest of a model in the object store, or undefined where there is none.
 * @throws DarkroomError (`damaged`) when it is not one, or that of another version; else as `ObjectStore.get`
 */
export async function readManifest(
  objects: Pick<ObjectStore, 'get'>,
  place: ModelPlace,
): Promise<ModelManifest | undefined> {
  const key = manifestKey(place);
  const object = await objects.get(key, { maxBytes: MAX_MANIFEST_BYTES });
  if (object === undefined) return undefined;
  const damaged = (why: string) =>
    new DarkroomError('damaged', `${key} is not the manifest of a model: ${why}; ${remedy(place)}`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(object.bytes).toString());
  } catch (error) {
    throw damaged((error as Error).message);
  }
  const { data, error } = modelManifest.safeParse(json);
  if (data === undefined) throw damaged(z.prettifyError(error));
  const digest = manifestDigest(data);
  if (place.digest === undefined || place.digest === digest) return data;
  throw new DarkroomError(
    'damaged',
    `${key} is the manifest of another version, sha256:${digest}; ${remedy(place)}`,
  );
}

export async function writeManifest(
  objects: Pick<ObjectStore, 'put'>,
  place: ModelPlace,
  manifest: ModelManifest,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(modelManifest.parse(manifest), null, 2)}\n`);
  await objects.put(manifestKey(place), bytes, 'application/json');
}

/** @throws DarkroomError (`configuration`) where there is none; else as `readManifest` */
export async function requireManifest(
  objects: Pick<ObjectStore, 'get'>,
  place: ModelPlace,
): Promise<ModelManifest> {
  const manifest = await readManifest(objects, place);
  if (manifest !== undefined) return manifest;
  const settings =
    place.digest === undefined
      ? 'SERVE_MODELS, MODEL_SOURCE_PREFIX or S3_BUCKET'
      : 'MODEL_DIGEST, SERVE_MODELS, MODEL_SOURCE_PREFIX or S3_BUCKET';
  throw new DarkroomError(
    'configuration',
    `the object store has no ${manifestKey(place)}; ${remedy(place)}, or correct ${settings}`,
  );
}

const remedy = ({ name, digest }: ModelPlace) =>
  digest === undefined
    ? `push the model with \`darkroom models push FOLDER --name ${name}\``
    : `push that version with \`darkroom models push FOLDER --name ${name}\`, or promote the release that ` +
      'has it with `darkroom promote`, which brings it';

/**
 * Names the content, in 64 hexadecimal digits: those of the digest that `verifyModelFolder` gives the same
 * files.
 */
export function manifestDigest({ files }: ModelManifest): string {
  const hash = createHash('sha256');
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, bytes, sha256 } of sorted) hash.update(`${path}\0${bytes}\0${sha256}\n`);
  return hash.digest('hex');
}
