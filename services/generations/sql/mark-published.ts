import { sql } from 'kysely';
import { named } from './named.ts';
import type { Database } from './schema.ts';
import { unhurried } from './unhurried.ts';

export type Publication = { id: string; revision: number };

/**
 * Notes that the broker confirmed these messages. A newer revision means that a message is already
 * out of date: nothing to note. Whoever has a queued record locked is about to give it a newer one,
 * so locked ones are passed over and this never waits, nor is waited for in a circle.
 */
export async function markPublished(
  db: Database,
  publications: readonly Publication[],
): Promise<undefined[]> {
  await sql`
    with published as (
      select * from json_to_recordset(${JSON.stringify(publications)}::json)
        as published (id uuid, revision integer)
    ),
    due as (
      select id from published join generations using (id, revision)
      where ${named(publications)}
      for update of generations skip locked
    )
    update generations set published = true, announced_at = clock_timestamp()
    from due
    where generations.id = due.id and state = 'queued' and ${unhurried}`.execute(db);
  return publications.map(() => undefined);
}
