import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Database } from '../sql/schema.ts';
import { createGenerations } from './0001-generations.ts';
import { createRuns } from './0002-runs.ts';
import { createRetention } from './0003-retention.ts';
import { createWebhooks } from './0004-webhooks.ts';
import { createRequests } from './0005-requests.ts';
import { createUploads } from './0006-uploads.ts';

/** In order of their names. A migration that was released is never edited. */
const migrations: Record<string, Migration> = {
  '0001-generations': { up: createGenerations },
  '0002-runs': { up: createRuns },
  '0003-retention': { up: createRetention },
  '0004-webhooks': { up: createWebhooks },
  '0005-requests': { up: createRequests },
  '0006-uploads': { up: createUploads },
};

/** Any number that nothing else in the database locks. */
const LOCK = 7_237_011;

/**
 * Brings the database to this release's schema, in one transaction: all of it or nothing. Any
 * number of replicas may call it at once; one works and the others wait. Also runs `afterwards`
 * under the same lock.
 */
export async function migrate(
  db: Database,
  afterwards?: (db: Database) => Promise<void>,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(transaction);
    const { error } = await new Migrator({
      db: transaction,
      provider: {
        getMigrations: async () => ({ ...(await laterOnes(transaction)), ...migrations }),
      },
    }).migrateToLatest();
    if (error !== undefined) throw error;
    await afterwards?.(transaction);
  });
}

/**
 * After a rollback the database is a release ahead. Migrations expand first, so this release can
 * work with it; without an entry for what it does not know, the migrator would refuse to start.
 */
async function laterOnes(db: Database): Promise<Record<string, Migration>> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  return Object.fromEntries(rows.map(({ name }) => [name, { up: async () => {} }]));
}
