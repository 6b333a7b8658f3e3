import { afterAll, beforeAll, describe } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { testStore } from '../testing/store-contract.ts';
import { openPgliteStore } from './pglite-store.ts';

describe('the store on PGlite', () => {
  let store: GenerationStore;
  beforeAll(async () => {
    store = await openPgliteStore();
  }, 60_000);
  afterAll(() => store.close());

  testStore(() => store);
});
