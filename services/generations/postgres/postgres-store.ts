import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../migrations/migrate.ts';
import { grantWorker } from '../migrations/worker-grants.ts';
import { explained } from '../sql/errors.ts';
import type { Schema } from '../sql/schema.ts';
import { sqlStore } from '../sql/sql-store.ts';
import type { GenerationStore } from '../store.ts';
import { type Patience, patiently } from './patience.ts';
import { type Connection, createRenewablePool, type RenewablePool } from './renewable-pool.ts';

const CALL_LIMIT_MS = 10_000;

/** Enough for the beats of many jobs: each is one small statement. */
const HEARTBEAT_CONNECTIONS = 2;

export type PostgresStoreOptions = Connection & {
  /**
   * For workers: heartbeats get connections of their own, so that they wait for no other call, and
   * this limit for each call, so that a connection that died in silence costs one beat and not the
   * lease. Without: they are calls like all others.
   */
  heartbeatLimitMs?: number;
  /** Without: the first failure is thrown. */
  patience?: Patience;
};

/**
 * A store on Postgres 15 or later. Uses no session state, so a transaction pooler may stand
 * between. Reconnects by itself; while the database is away, calls fail as `unavailable`. A server
 * that turns read-only, as the old primary does in a failover, fails writes and the check as
 * `unavailable`, and its connections are dropped, so that the next call reaches whichever server the
 * address leads to by then.
 *
 * @throws DarkroomError `unavailable` or `configuration` when the first look at the table fails
 */
export async function connectPostgresStore(
  options: PostgresStoreOptions,
): Promise<GenerationStore> {
  const { heartbeatLimitMs, patience, ...connection } = options;
  const pool = createRenewablePool({ callLimitMs: CALL_LIMIT_MS, ...connection });
  const beats =
    heartbeatLimitMs === undefined
      ? undefined
      : createRenewablePool({
          ...connection,
          maxConnections: HEARTBEAT_CONNECTIONS,
          callLimitMs: heartbeatLimitMs,
        });
  const over = (pool: RenewablePool) =>
    new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const store = sqlStore(over(pool), {
    ...(beats !== undefined && { heartbeats: over(beats) }),
    onReadOnly: () => {
      pool.renew();
      beats?.renew();
    },
  });
  try {
    await patiently(patience, store.check);
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
 * @param options.patience without: the first failure is thrown
 * @throws DarkroomError `unavailable` or `configuration`
 */
export const migratePostgres = (
  connectionString: string,
  options: { workerRole?: string; patience?: Patience } = {},
): Promise<void> =>
  patiently(options.patience, () => migrateOnce(connectionString, options.workerRole));

const migrateOnce = explained(
  async (connectionString: string, workerRole: string | undefined): Promise<void> => {
    const pool = createRenewablePool({ connectionString, maxConnections: 1 });
    const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
    try {
      await migrate(db, workerRole === undefined ? undefined : (db) => grantWorker(db, workerRole));
    } finally {
      await db.destroy();
    }
  },
);
