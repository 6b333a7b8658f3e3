import { resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Kysely, PGliteDialect } from 'kysely';
import { migrate } from '../migrations/migrate.ts';
import { explain } from '../sql/errors.ts';
import type { Schema } from '../sql/schema.ts';
import { sqlStore } from '../sql/sql-store.ts';
import type { GenerationStore } from '../store.ts';
import { openFolder } from './folder.ts';

/**
 * A store in this process, migrated and ready. Commits outlive `kill -9`, not a loss of power: the
 * files are written but not synced. It takes no lock, and a second owner would corrupt the folder,
 * so its caller holds one.
 *
 * @param options.folder of the database, made if need be; absent: in memory
 * @param options.snapshot what a store in memory begins with, as PGlite's `dumpDataDir` makes it
 * @throws DarkroomError `configuration` when the folder holds something else or cannot be written
 */
export async function openPgliteStore(
  options: { folder?: string; snapshot?: Blob } = {},
): Promise<GenerationStore> {
  const { folder, snapshot } = options;
  const pglite = await (folder === undefined
    ? PGlite.create(snapshot && { loadDataDir: snapshot })
    : openFolder(resolve(folder)));
  const db = new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }) });
  try {
    await migrate(db);
    return sqlStore(db);
  } catch (error) {
    await pglite.close();
    throw explain(error);
  }
}
