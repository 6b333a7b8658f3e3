import { sql } from 'kysely';
import type { FrontendStore } from '../frontend-store.ts';
import type { Database } from './schema.ts';

/** The idempotency key is free again: a repeat is then a new request. */
export async function hide(db: Database, tenant: string, id: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('generations')
    .set({ deleted_at: sql`clock_timestamp()`, idempotency_key: null })
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .where('state', 'in', ['succeeded', 'failed', 'canceled'])
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

type Taken = { id: string; tenant: string };

/** `skip locked` gives a record to one replica. */
export async function hideOld(
  db: Database,
  { ttlMs, limit }: Parameters<FrontendStore['hideOld']>[0],
): Promise<Taken[]> {
  const { rows } = await sql<Taken>`
    with old as (
      select id from generations
      where finished_at <= now() - ${ttlMs}::float8 * interval '1 millisecond'
        and deleted_at is null
      order by finished_at limit ${limit}::integer
      for update skip locked
    )
    update generations set deleted_at = clock_timestamp(), idempotency_key = null
    where id in (select id from old)
    returning id, tenant`.execute(db);
  return rows;
}

/** `skip locked` and the new `deleted_at` give a record to one replica at a time. */
export async function takeHidden(
  db: Database,
  { graceMs, limit }: Parameters<FrontendStore['takeHidden']>[0],
): Promise<Taken[]> {
  const { rows } = await sql<Taken>`
    with hidden as (
      select id from generations
      where deleted_at <= now() - ${graceMs}::float8 * interval '1 millisecond'
      order by deleted_at limit ${limit}::integer
      for update skip locked
    )
    update generations set deleted_at = clock_timestamp()
    where id in (select id from hidden)
    returning id, tenant`.execute(db);
  return rows;
}

export async function forget(db: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db
    .deleteFrom('generations')
    .where('id', 'in', ids)
    .where('deleted_at', 'is not', null)
    .execute();
}
