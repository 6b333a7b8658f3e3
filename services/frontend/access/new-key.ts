import { createHash, randomBytes } from 'node:crypto';
import type { KeyEntry } from './keys-file.ts';

/** The digest under which the keys file knows a key. */
export const sha256Of = (key: string): Buffer => createHash('sha256').update(key).digest();

/** A new key, which nothing keeps, and its entry for the keys file. */
export function newKey(about: Omit<KeyEntry, 'sha256'>): { key: string; entry: KeyEntry } {
  const key = `dk_${randomBytes(32).toString('base64url')}`;
  return { key, entry: { ...about, sha256: sha256Of(key).toString('hex') } };
}
