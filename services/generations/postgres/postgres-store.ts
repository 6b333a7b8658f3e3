import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../migrations/migrate.ts';
import { grantWorker } from '../migrations/worker-grants.ts';
import { explained } from '../sql/errors.ts';
import type { Schema } from '../sql/schema.ts';
import { sqlStore } from '../sql/sql-store.ts';
import type { GenerationStore } from '../store.ts';
import { type Connection, createRenewablePool } from './renewable-pool.ts';

const CALL_LIMIT_MS = 10_000;

/**
 * A store on Postgres 15 or later. Uses no session state, so a transaction pooler may stand
 * between. Reconnects by itself; while the database is away, calls fail as `unavailable`. A server
 * that turns read-only, as the old primary does in a failover, fails writes and the check as
 * `unavailable`, and its connections are dropped, so that the next call reaches whichever server the
 * address leads to by then.
 *
 * @throws DarkroomError `unavailable` or `configuration` when the first look at the table fails
 */
export async function connectPostgresStore(options: Connection): Promise<GenerationStore> {
  const pool = createRenewablePool({ callLimitMs: CALL_LIMIT_MS, ...options });
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const store = sqlStore(db, { onReadOnly: pool.renew });
  try {
    await store.check();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Brings the database to this release's schema; run by the frontend's `main` before it connects.
 *
 * @param options.workerRole an existing role that is to have a worker's rights
 * @throws DarkroomError `unavailable` or `configuration`
 */
export const migratePostgres = explained(
  async (connectionString: string, options: { workerRole?: string } = {}): Promise<void> => {
    const pool = createRenewablePool({ connectionString, maxConnections: 1 });
    const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
    const { workerRole } = options;
    try {
      await migrate(db, workerRole === undefined ? undefined : (db) => grantWorker(db, workerRole));
    } finally {
      await db.destroy();
    }
  },
);
