import { connectPostgresStore, migratePostgres } from '@darkroom/generations';
import { freshDatabase } from '@darkroom/testing';
import { inject } from 'vitest';
import { testHostileInput } from '../testing/hostile/test-hostile-input.ts';

testHostileInput({
  calls: Number(process.env.HOSTILE_CALLS ?? 1_000_000),
  timeout: 3_600_000,
  store: async () => {
    const connectionString = await freshDatabase(inject('databaseUrl'));
    await migratePostgres(connectionString);
    return connectPostgresStore({ connectionString });
  },
});
