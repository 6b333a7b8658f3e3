import { freshDatabase } from '@darkroom/testing';
import { connectPostgresStore, migratePostgres } from '../postgres/postgres-store.ts';
import { judgeHistory, judgeWrites, runHistories } from './concurrent-histories.ts';
import { logWrites } from './edge-log.ts';

/** Connections, and histories under way. */
const AT_ONCE = 16;

/** Runs histories on a database of their own and judges all that came of them. */
export async function judgedHistories(
  databaseUrl: string,
  { count, seed }: { count: number; seed: number },
): Promise<void> {
  console.info(`HISTORIES_SEED=${seed}`);
  const connectionString = await freshDatabase(databaseUrl);
  await migratePostgres(connectionString);
  await using log = await logWrites(connectionString);
  const store = await connectPostgresStore({ connectionString, maxConnections: AT_ONCE });
  try {
    const histories = await runHistories(store, { count, seed, atOnce: AT_ONCE });
    const writes = await log.read();
    judgeWrites(writes);
    const states: Record<string, number> = {};
    for (const told of histories) {
      const record = await store.get(told.tenant, told.id);
      if (record === undefined) throw new Error(`seed ${told.seed}: no record ${told.id}`);
      judgeHistory(told, record);
      const end = record.error === null ? record.state : `${record.state} ${record.error.code}`;
      states[end] = (states[end] ?? 0) + 1;
    }
    console.info(`${count} histories, ${writes.length} writes: ${JSON.stringify(states)}`);
  } finally {
    await store.close();
  }
}
