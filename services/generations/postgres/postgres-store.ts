import { Kysely, PostgresDialect } from 'kysely';
import { Pool, type PoolClient } from 'pg';
import { migrate } from '../migrations/migrate.ts';
import { grantWorker } from '../migrations/worker-grants.ts';
import { explained } from '../sql/errors.ts';
import type { Database, Schema } from '../sql/schema.ts';
import { sqlStore } from '../sql/sql-store.ts';
import type { GenerationStore } from '../store.ts';

type Connection = {
  connectionString: string;
  /** Connections at most, 10 unless told. */
  maxConnections?: number;
  /** How long one call may take; what takes longer fails as `unavailable`. Without: for ever. */
  callLimitMs?: number;
};

const CALL_LIMIT_MS = 10_000;

/**
 * A store on Postgres 15 or later. Uses no session state, so a transaction pooler may stand
 * between. Reconnects by itself; while the database is away, calls fail as `unavailable`.
 *
 * @throws DarkroomError `unavailable` or `configuration` when the first look at the table fails
 */
export async function connectPostgresStore(options: Connection): Promise<GenerationStore> {
  const store = sqlStore(connect({ callLimitMs: CALL_LIMIT_MS, ...options }));
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
    const db = connect({ connectionString, maxConnections: 1 });
    const { workerRole } = options;
    try {
      await migrate(db, workerRole === undefined ? undefined : (db) => grantWorker(db, workerRole));
    } finally {
      await db.destroy();
    }
  },
);

function connect({ connectionString, maxConnections = 10, callLimitMs }: Connection): Database {
  const pool = new Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    application_name: 'darkroom',
  });
  // A connection that the server ends is replaced by the pool, and the call that had it in hand is
  // refused. Without listeners, on the pool for idle ones and on each for busy ones, the same error
  // would also end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  if (callLimitMs !== undefined) limitCalls(pool, callLimitMs);
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

/**
 * Ends a connection that is in hand for longer, and so the call that waits on it: a server that
 * vanished never says so. node-postgres' own `query_timeout` would refuse the call and hand the
 * dead connection to the next.
 */
function limitCalls(pool: Pool, limitMs: number): void {
  const timers = new WeakMap<PoolClient, NodeJS.Timeout>();
  pool.on('acquire', (client) => {
    timers.set(
      client,
      setTimeout(() => void client.end(), limitMs),
    );
  });
  pool.on('release', (_, client) => clearTimeout(timers.get(client)));
}
