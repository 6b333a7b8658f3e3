import { openAsBlob } from 'node:fs';
import { inject } from 'vitest';
import { openPgliteStore } from '../pglite/pglite-store.ts';
import type { GenerationStore } from '../store.ts';

/** An empty store in memory. To make its database takes seconds, to load one that was made does not. */
export async function openMemoryStore(): Promise<GenerationStore> {
  const file = inject('emptyRecords');
  return await openPgliteStore(file === undefined ? {} : { snapshot: await openAsBlob(file) });
}
