import { uploadKey } from '@darkroom/contract';
import type { UploadStore } from '@darkroom/generations';
import type { ObjectStore } from '@darkroom/storage';

/** Uploads at most in one statement of the store. */
const BATCH = 500;

/** How long another replica has for what it has taken, in milliseconds. */
const RETRY_MS = 60_000;

/**
 * Removes the uploads that nothing needs: neither brought nor named for `unusedMs`, and not named by a
 * generation that callers can see, whose redrive needs them again.
 *
 * @returns how many went
 * @throws DarkroomError `unavailable`; what was taken is taken up again a minute later
 */
export async function collectUploads(options: {
  store: Pick<UploadStore, 'takeUnusedUploads' | 'forgetUploads'>;
  objects: Pick<ObjectStore, 'remove'>;
  unusedMs: number;
  retryMs?: number;
  signal?: AbortSignal;
}): Promise<number> {
  const { store, objects, unusedMs, retryMs = RETRY_MS, signal } = options;
  let count = 0;
  for (;;) {
    if (signal?.aborted) return count;
    const unused = await store.takeUnusedUploads({ unusedMs, retryMs, limit: BATCH });
    await objects.remove(unused.map(({ tenant, sha256 }) => uploadKey(tenant, sha256)));
    await store.forgetUploads(unused);
    count += unused.length;
    if (unused.length < BATCH) return count;
  }
}
