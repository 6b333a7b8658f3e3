import { DarkroomError } from '@darkroom/contract';

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;
/** Below the limits of S3 (1024 bytes) and of file systems' paths. */
const MAX_KEY = 512;

/**
 * Holds a key against the port's rules, for every driver alike, so that no key can leave a folder.
 * @throws DarkroomError `request` when it breaks them
 */
export function checkKey(key: string): string {
  if (key.length > MAX_KEY || !key.split('/').every((segment) => SEGMENT.test(segment))) {
    throw notAKey(key);
  }
  return key;
}

/** The whole segments of a prefix, which may end within a segment. */
export function folderOfPrefix(prefix: string): string[] {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  const holds = segments.every((segment) => SEGMENT.test(segment)) && /^[\w.-]*$/.test(last);
  if (!holds || prefix.length > MAX_KEY) throw notAKey(prefix);
  return segments;
}

const notAKey = (key: string): DarkroomError =>
  new DarkroomError(
    'request',
    `${JSON.stringify(key.slice(0, 80))} is not an object key: use up to ${MAX_KEY} letters, ` +
      'digits, ".", "_" and "-" in segments separated by "/"',
  );
