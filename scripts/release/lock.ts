import { z } from 'zod';

const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits');

export const isDigest = (text: string): boolean => digest.safeParse(text).success;

/**
 * What a release consists of, by content: the one file that says it. It names no time and no place, so the
 * same parts give the same bytes.
 */
export const releaseLock = z.strictObject({
  /** Of this format; a reader refuses one that it does not know. */
  format: z.literal(1),
  /** The release's name, `VERSION-REVISION`: its folder's, too. */
  release: z.string().regex(/^[0-9a-z][0-9a-z.-]{0,62}$/),
  source: z.strictObject({
    /** The commit that all of it was made of. */
    revision: z.string().regex(/^[0-9a-f]{40}$/),
  }),
  versions: z.strictObject({ darkroom: z.string(), kubernetes: z.string() }),
  /** By the name that manifests give; `tag` where others publish it, for people. */
  images: z.record(z.string(), z.strictObject({ tag: z.string().optional(), digest })),
  /** By name, as `models verify` tells it. */
  models: z.record(z.string(), digest),
  manifests: z.strictObject({
    /** Of all files, by path and content. */
    digest,
    /** SHA-256 of each, by its path in the folder `platform`. */
    files: z.record(z.string(), digest),
  }),
  /** SHA-256 of `sbom.cdx.json`. */
  sbom: digest,
  /** The runs of tests that the release passed. */
  tests: z.array(
    z.strictObject({
      report: z.string(),
      passed: z.int().positive(),
      skipped: z.int().nonnegative(),
    }),
  ),
});
export type ReleaseLock = z.infer<typeof releaseLock>;

export const LOCK_FILE = 'lock.json';
/** The bill of materials, in CycloneDX. */
export const SBOM_FILE = 'sbom.cdx.json';
/** What the lock was made of and how, as an in-toto statement. */
export const PROVENANCE_FILE = 'provenance.json';
/** The folder of a release in which its manifests lie, as in the repository. */
export const MANIFESTS_FOLDER = 'platform';

/** The signature of the lock, a Sigstore bundle. */
export const SIGNATURE_FILE = 'lock.sigstore.json';
/** The signed provenance, a Sigstore bundle. */
export const PROVENANCE_SIGNATURE_FILE = 'provenance.sigstore.json';

const entries = [
  ...[LOCK_FILE, SBOM_FILE, PROVENANCE_FILE, MANIFESTS_FOLDER],
  ...[SIGNATURE_FILE, PROVENANCE_SIGNATURE_FILE],
];
/** Whether a release has a file or folder of this name. */
export const isOfRelease = (name: string): boolean => entries.includes(name);

/** A document of a release as text: of the same content, always the same. */
export const writeDocument = (document: object): string => `${JSON.stringify(document, null, 2)}\n`;
