import { once } from 'node:events';
import { Pool, type PoolClient } from 'pg';

export type Connection = {
  connectionString: string;
  /** Connections at most, 10 unless set. */
  maxConnections?: number;
  /**
   * How long one call may take once it has a connection, and at most 5 s how long it waits for one;
   * what takes longer fails as `unavailable`. Without: no limit for the call.
   */
  callLimitMs?: number;
};

export type RenewablePool = {
  /** As node-postgres' pool has them. */
  readonly options: object;
  connect(): Promise<PoolClient>;
  end(): Promise<void>;
  /** Replaces all connections: idle ones at once, those in use when their call ends. */
  renew(): void;
};

/** How long a call waits for a connection. */
const CONNECT_LIMIT_MS = 5_000;

/** Many calls fail of one cause, one after another; they renew the pool once in this time. */
const RENEW_AT_MOST_EVERY_MS = 1_000;

/** A pool whose connections can be replaced, which node-postgres' own cannot. */
export function createRenewablePool(connection: Connection): RenewablePool {
  let pool = createPool(connection);
  let renewedAt = Number.NEGATIVE_INFINITY;
  const retiring = new Set<Promise<void>>();
  return {
    options: pool.options,
    connect: () => pool.connect(),
    renew: () => {
      if (performance.now() - renewedAt < RENEW_AT_MOST_EVERY_MS) return;
      renewedAt = performance.now();
      const ended = retire(pool).finally(() => retiring.delete(ended));
      retiring.add(ended);
      pool = createPool(connection);
    },
    end: async () => {
      await Promise.all([pool.end(), ...retiring]);
    },
  };
}

/** A pool that ends would leave the calls that wait for one of its connections unanswered. */
async function retire(pool: Pool): Promise<void> {
  while (pool.waitingCount > 0) await once(pool, 'release');
  await pool.end();
}

function createPool({ connectionString, maxConnections = 10, callLimitMs }: Connection): Pool {
  const pool = new Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: Math.min(CONNECT_LIMIT_MS, callLimitMs ?? CONNECT_LIMIT_MS),
    keepAlive: true,
    application_name: 'darkroom',
  });
  // A connection that the server ends is replaced by the pool, and the call that had it in hand is
  // refused. Without listeners, on the pool for idle ones and on each for busy ones, the same error
  // would also end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  if (callLimitMs !== undefined) limitCalls(pool, callLimitMs);
  return pool;
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
