import { type RawBuilder, sql } from 'kysely';

/**
 * That a record is one of these, which a join with them says as well. Of the rows of a JSON parameter
 * Postgres guesses that they are a hundred, and would read a table of some thousand from end to end
 * to find one; the length of an array it knows. No condition on the state may stand beside it: Postgres
 * would rather read the index of that state, with all the entries of records that have left it.
 */
export const named = (inputs: readonly { id: string }[]): RawBuilder<boolean> =>
  sql<boolean>`generations.id = any(${sql.val(inputs.map(({ id }) => id))}::uuid[])`;
