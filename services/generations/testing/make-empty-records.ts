import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Kysely, PGliteDialect } from 'kysely';
import type { TestProject } from 'vitest/node';
import { migrate } from '../migrations/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The file of a migrated, empty database; absent where the project makes none. */
    emptyRecords?: string;
  }
}

/**
 * Makes the database that `openMemoryStore` loads, once for all unit tests.
 *
 * @public Vitest calls it (`globalSetup` in vitest.config.ts).
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const pglite = await PGlite.create();
  await migrate(new Kysely({ dialect: new PGliteDialect({ pglite }) }));
  const dump = await pglite.dumpDataDir('none');
  await pglite.close();
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-records-'));
  const file = join(folder, 'records.tar');
  await writeFile(file, dump.stream());
  project.provide('emptyRecords', file);
  return () => rm(folder, { recursive: true });
}
