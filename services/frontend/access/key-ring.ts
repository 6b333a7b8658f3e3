import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyEntry } from './keys-file.ts';
import { sha256Of } from './new-key.ts';

/** A key that is valid now. */
export type HeldKey = {
  entry: KeyEntry;
  /** Aborts when the key is taken from the file, changed in it, or past its time. */
  revoked: AbortSignal;
};

export type KeyRing = {
  /** The entry of a key as a caller presents it; undefined when it is not, or no longer, there. */
  find(key: string): HeldKey | undefined;
  /** Goes over to these entries; what is unchanged stays valid without a gap. */
  replace(entries: readonly KeyEntry[]): void;
  /** Revokes what is past its time. */
  expire(): void;
};

type Slot = { digest: Buffer; entry: KeyEntry; revocation: AbortController };

/**
 * Keys by their digest. The index is keyed with a secret of this process, so how long a look-up
 * takes says nothing about the keys there are, and costs the same whichever is meant; what it finds
 * is compared in constant time.
 */
export function createKeyRing(now: () => number = Date.now): KeyRing {
  const secret = randomBytes(32);
  const placeOf = (digest: Buffer) => createHmac('sha256', secret).update(digest).digest('base64');
  const nobody = randomBytes(32);
  let slots = new Map<string, Slot>();

  const isOver = ({ notAfter }: KeyEntry) =>
    notAfter !== undefined && Date.parse(notAfter) <= now();

  return {
    find: (key) => {
      const digest = sha256Of(key);
      const slot = slots.get(placeOf(digest));
      const same = timingSafeEqual(digest, slot?.digest ?? nobody);
      if (slot === undefined || !same || isOver(slot.entry)) return undefined;
      return { entry: slot.entry, revoked: slot.revocation.signal };
    },
    replace: (entries) => {
      const before = slots;
      slots = new Map();
      for (const entry of entries) {
        const digest = Buffer.from(entry.sha256, 'hex');
        const place = placeOf(digest);
        const old = before.get(place);
        const same = old !== undefined && JSON.stringify(old.entry) === JSON.stringify(entry);
        slots.set(place, same ? old : { digest, entry, revocation: new AbortController() });
      }
      const kept = new Set(slots.values());
      for (const slot of before.values()) if (!kept.has(slot)) slot.revocation.abort();
    },
    expire: () => {
      for (const { entry, revocation } of slots.values()) if (isOver(entry)) revocation.abort();
    },
  };
}
