import { sql } from 'kysely';
import type { Database } from './schema.ts';

export type Publication = { id: string; revision: number };

/**
 * Notes that the broker confirmed these messages. A newer revision means that a message is already
 * out of date: nothing to note. Whoever has a queued record locked is about to give it a newer one,
 * so locked ones are passed over and this never waits, nor is waited for in a circle.
 *
 * The commit does not wait for the disk (`synchronous_commit`, for this transaction alone). A note
 * that a crash of the database loses makes a sweep publish the message once more, which the claim
 * refuses; it is the only price, and half of what accepting a request writes is spared.
 */
export async function markPublished(
  db: Database,
  publications: readonly Publication[],
): Promise<void[]> {
  await sql`
    with unhurried as materialized (
      select set_config('synchronous_commit', 'off', true)
    ),
    published as (
      select * from json_to_recordset(${JSON.stringify(publications)}::json)
        as published (id uuid, revision integer)
    ),
    due as (
      select id from published join generations using (id, revision)
      where state = 'queued'
      for update of generations skip locked
    )
    update generations set published = true, announced_at = clock_timestamp()
    from due, unhurried
    where generations.id = due.id`.execute(db);
  return publications.map(() => {});
}
