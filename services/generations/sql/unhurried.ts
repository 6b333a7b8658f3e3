import { type RawBuilder, sql } from 'kysely';

/**
 * A condition that always holds and has this transaction's commit not wait for the disk: Postgres
 * writes it there within a second, and only a crash of the server before loses it. For what may be
 * lost alone: a mark that a message was published (a sweep publishes it once more, and the claim
 * refuses the second), and a heartbeat (the lease ends as an earlier one said, and the next one
 * renews it). Never for what a caller was promised: a create, a claim, an end.
 */
export const unhurried: RawBuilder<boolean> = sql<boolean>`
  (select set_config('synchronous_commit', 'off', true)) = 'off'`;
