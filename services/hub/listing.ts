import { z } from 'zod';

/** A file of a commit, with what its bytes are checked against. */
export type HubFile = {
  /** Within the repository, with forward slashes; leads out of no folder that it is joined to. */
  path: string;
  bytes: number;
  /** Hexadecimal: SHA-256 of the bytes for files in LFS, else the SHA-1 of git's blob. */
  checksum: { sha256: string } | { gitBlob: string };
};

/**
 * Whether a path stays within the folder that it is joined to, by the rules of every system. A
 * repository may be hostile: its paths end up as file names.
 */
export function staysWithin(path: string): boolean {
  if (/[\p{Cc}\\]/u.test(path) || /^[a-z]:/i.test(path)) return false;
  return path.split('/').every((segment) => !['', '.', '..'].includes(segment));
}

const file = z
  .object({
    type: z.literal('file'),
    path: z.string(),
    size: z.int().min(0),
    oid: z.string().regex(/^[0-9a-f]{40}$/, 'must be a SHA-1 in hexadecimal'),
    lfs: z
      .object({
        oid: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal'),
        size: z.int().min(0),
      })
      .optional(),
  })
  .transform(
    ({ path, size, oid, lfs }): HubFile =>
      lfs === undefined
        ? { path, bytes: size, checksum: { gitBlob: oid } }
        : { path, bytes: lfs.size, checksum: { sha256: lfs.oid } },
  );
const folder = z.object({ type: z.literal('directory') }).transform(() => undefined);

/** One page of `GET /api/models/ORG/NAME/tree/COMMIT?recursive=true`. */
export const treePage = z
  .array(z.union([file, folder]))
  .transform((entries) => entries.filter((entry) => entry !== undefined));

/** `GET /api/models/ORG/NAME/revision/REVISION`, as far as it is needed. */
export const revisionInfo = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/, 'must be a commit in hexadecimal'),
});

/** Where the next page is, by the header `Link` (RFC 8288). */
export function nextPage(link: string | null): string | undefined {
  return /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1];
}
