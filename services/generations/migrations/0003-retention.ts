import { type Kysely, sql } from 'kysely';

/** What is needed to hide and collect old records, and to see how fast the newest were made. */
export async function createRetention(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table generations
      -- hidden from everyone since then, or last taken up for collection
      add column deleted_at timestamptz`.execute(db);
  await sql`create index generations_finished on generations (finished_at)
    where finished_at is not null`.execute(db);
  await sql`create index generations_deleted on generations (deleted_at)
    where deleted_at is not null`.execute(db);
}
