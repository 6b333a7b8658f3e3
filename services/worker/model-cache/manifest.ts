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

/** What a model is made of, in the object store beside its files: `PREFIX` `NAME/manifest.json`. */
const modelManifest = z
  .object({
    files: z
      .array(
        z.object({
          /** Within the model's folder, and of the object below `PREFIX` `NAME/`. */
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

const manifestKey = (prefix: string, name: string) => `${prefix}${name}/manifest.json`;
export const fileKey = (prefix: string, name: string, file: { path: string }) =>
  `${prefix}${name}/${file.path}`;

/**
 * The manifest of a model in the object store, or undefined where there is none.
 * @throws DarkroomError (`damaged`) when it is not one; else as `ObjectStore.get`
 */
export async function readManifest(
  objects: Pick<ObjectStore, 'get'>,
  { prefix, name }: { prefix: string; name: string },
): Promise<ModelManifest | undefined> {
  const key = manifestKey(prefix, name);
  const object = await objects.get(key, { maxBytes: MAX_MANIFEST_BYTES });
  if (object === undefined) return undefined;
  const damaged = (why: string) =>
    new DarkroomError('damaged', `${key} is not the manifest of a model: ${why}; ${remedy(name)}`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(object.bytes).toString());
  } catch (error) {
    throw damaged((error as Error).message);
  }
  const { data, error } = modelManifest.safeParse(json);
  if (data === undefined) throw damaged(z.prettifyError(error));
  return data;
}

export async function writeManifest(
  objects: Pick<ObjectStore, 'put'>,
  { prefix, name }: { prefix: string; name: string },
  manifest: ModelManifest,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(modelManifest.parse(manifest), null, 2)}\n`);
  await objects.put(manifestKey(prefix, name), bytes, 'application/json');
}

/** @throws DarkroomError (`configuration`) where there is none; else as `readManifest` */
export async function requireManifest(
  objects: Pick<ObjectStore, 'get'>,
  { prefix, name }: { prefix: string; name: string },
): Promise<ModelManifest> {
  const manifest = await readManifest(objects, { prefix, name });
  if (manifest !== undefined) return manifest;
  throw new DarkroomError(
    'configuration',
    `the object store has no ${manifestKey(prefix, name)}; ${remedy(name)}, or correct ` +
      'SERVE_MODELS, MODEL_SOURCE_PREFIX or S3_BUCKET',
  );
}

const remedy = (name: string) =>
  `push the model with \`darkroom models push FOLDER --name ${name}\``;

/** Names the content: the digest that `verifyModelFolder` gives the same files. */
export function manifestDigest({ files }: ModelManifest): string {
  const hash = createHash('sha256');
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, bytes, sha256 } of sorted) hash.update(`${path}\0${bytes}\0${sha256}\n`);
  return hash.digest('hex');
}
