import { type RawBuilder, sql } from 'kysely';

/** The step that a record's next attempt goes on from, counted over all its pictures. */
export const resumedStep: RawBuilder<number> = sql`coalesce(
  (checkpoint->>'picture')::integer * (request->>'steps')::integer
    + (checkpoint->>'step')::integer, 0)`;

/** As Postgres can hold it: what a dying process wrote may be any bytes. */
export const plainText = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();

/** Characters of the last words that are kept. */
const LAST_WORDS = 4_000;

/** `evidence` with one more entry, of the attempt that the record still shows. */
export const evidenceWith = (
  cause: RawBuilder<unknown>,
  lastWords: string | null,
): RawBuilder<never> => sql`evidence || jsonb_build_array(jsonb_build_object(
  'worker', worker, 'attempt', attempt, 'at', clock_timestamp(),
  'cause', ${cause}, 'lastWords', ${lastWords && plainText(lastWords.slice(0, LAST_WORDS))}::text))`;

/** For claim and sweep: whoever still holds what they judge was lost, for its lease has ended. */
export const evidenceOfLoss: RawBuilder<never> = sql`case
  when state = 'running' then ${evidenceWith(sql.lit('lease-ended'), null)}
  else evidence end`;
