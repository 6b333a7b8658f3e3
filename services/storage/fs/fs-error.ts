import { DarkroomError, type ErrorKind } from '@darkroom/contract';

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

/** Nothing is there: the path, or a folder on the way to it. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error) ?? '');

const REASONS: Readonly<Record<string, [kind: ErrorKind, why: string]>> = {
  ENOSPC: ['unavailable', 'the disk is full: free some space there, or use a folder elsewhere'],
  EDQUOT: ['unavailable', 'the disk quota is used up: free some space, or use a folder elsewhere'],
  EROFS: ['configuration', 'the file system is read-only: use a folder that can be written'],
  EACCES: ['configuration', 'access is denied: give this user the folder, or use another'],
  EPERM: ['configuration', 'access is denied: give this user the folder, or use another'],
  EISDIR: ['request', 'the key is the folder of other objects: use another key'],
  EEXIST: ['request', 'part of the key is an object: use another key'],
  ENOTDIR: ['request', 'part of the key is an object: use another key'],
  ENOTEMPTY: ['request', 'the key is the folder of other objects: use another key'],
};

/** Says of a failed file operation what happened, why, and what to do. */
export function fsError(what: string, folder: string, cause: unknown): DarkroomError {
  if (cause instanceof DarkroomError) return cause;
  const known = REASONS[codeOf(cause) ?? ''];
  const [kind, why] = known ?? ['unavailable', `${String(cause)}: check the disk and the folder`];
  return new DarkroomError(kind, `cannot ${what} in ${folder}: ${why}`, { cause });
}
