import { type Kysely, sql } from 'kysely';

/** What the text encoder cut off, and what idempotent repeats are known by. */
export async function createRequests(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table generations
      -- [{field, tokens, limit, dropped}], of the prompts that were too long
      add column truncated jsonb not null default '[]',
      -- idempotency_fingerprint is of the caller's body; this is of what it was resolved to
      add column idempotency_meaning text`.execute(db);
}
