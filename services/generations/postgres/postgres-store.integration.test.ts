import { freshDatabase } from '@darkroom/testing';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { testStore } from '../testing/store-contract.ts';
import { connectPostgresStore, migratePostgres } from './postgres-store.ts';

describe('the store on Postgres', () => {
  let store: GenerationStore;
  beforeAll(async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await migratePostgres(connectionString);
    store = await connectPostgresStore({ connectionString });
  });
  afterAll(() => store.close());

  testStore(() => store);
});
