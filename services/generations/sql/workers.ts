import { sql } from 'kysely';
import type { WorkerSeen } from '../frontend-store.ts';
import type { WorkerStore } from '../worker-store.ts';
import type { Database } from './schema.ts';

/** What was silent for longer is not coming back under the same name; its row is dropped. */
const FORGOTTEN_AFTER = sql`interval '1 hour'`;

export async function announceWorker(
  db: Database,
  { worker, models, state, crashes }: Parameters<WorkerStore['announceWorker']>[0],
): Promise<void> {
  await sql`
    with forgotten as (
      delete from workers where seen_at < now() - ${FORGOTTEN_AFTER} and worker <> ${worker}::text
    )
    insert into workers (worker, models, state, crashes)
    values (${worker}, ${JSON.stringify(models)}::jsonb, ${state}, ${crashes})
    on conflict (worker) do update set
      models = excluded.models,
      state = excluded.state,
      crashes = excluded.crashes,
      started_at = case
        when excluded.state = 'loading' and workers.state <> 'loading' then clock_timestamp()
        else workers.started_at
      end,
      seen_at = clock_timestamp()`.execute(db);
}

export async function withdrawWorker(db: Database, worker: string): Promise<void> {
  await db.deleteFrom('workers').where('worker', '=', worker).execute();
}

/** The database's clock judges who is there, so that replicas whose clocks differ agree. */
export async function workers(
  db: Database,
  { seenWithinMs = 60_000 }: { seenWithinMs?: number | undefined } = {},
): Promise<WorkerSeen[]> {
  const rows = await db
    .selectFrom('workers')
    .selectAll()
    .where(
      sql<boolean>`seen_at > clock_timestamp() - ${seenWithinMs}::float8 * interval '1 millisecond'`,
    )
    .orderBy('worker')
    .execute();
  return rows.map(({ started_at, seen_at, ...row }) => ({
    ...row,
    startedAt: started_at.toISOString(),
    seenAt: seen_at.toISOString(),
  }));
}
