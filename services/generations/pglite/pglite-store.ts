import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import { PGlite } from '@electric-sql/pglite';
import { Kysely, PGliteDialect } from 'kysely';
import { migrate } from '../migrations/migrate.ts';
import type { Schema } from '../sql/schema.ts';
import { sqlStore } from '../sql/sql-store.ts';
import type { GenerationStore } from '../store.ts';

/**
 * A store in this process, migrated and ready. Commits outlive `kill -9`, not a loss of power: the
 * files are written but not synced. It takes no lock, and a second owner would corrupt the folder,
 * so its caller holds one.
 *
 * @param options.folder of the database, made if need be; absent: in memory
 * @throws DarkroomError `configuration` when the folder holds something else
 */
export async function openPgliteStore(options: { folder?: string } = {}): Promise<GenerationStore> {
  const { folder } = options;
  if (folder !== undefined) await prepare(resolve(folder));
  const pglite = await PGlite.create(folder === undefined ? {} : { dataDir: resolve(folder) });
  const db = new Kysely<Schema>({ dialect: new PGliteDialect({ pglite }) });
  try {
    await migrate(db);
    return sqlStore(db);
  } catch (error) {
    await pglite.close();
    throw error;
  }
}

/**
 * The first open writes a thousand files over seconds. They are made beside the folder and renamed
 * into place when whole, so that a process killed meanwhile leaves no half-made database behind.
 */
async function prepare(folder: string): Promise<void> {
  if (existsSync(join(folder, 'PG_VERSION'))) return;
  await mkdir(dirname(folder), { recursive: true });
  if (existsSync(folder) && (await readdir(folder)).length > 0) {
    throw new DarkroomError(
      'configuration',
      `${folder} is not empty and holds no database. Move its files away, or choose another folder.`,
    );
  }
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await (await PGlite.create({ dataDir: partial })).close();
  await rename(partial, folder);
}
