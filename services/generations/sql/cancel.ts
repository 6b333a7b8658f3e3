import { sql } from 'kysely';
import type { GenerationRecord } from '../record.ts';
import { get } from './read.ts';
import { recordColumns, toRecord } from './record.ts';
import type { Database } from './schema.ts';

/** Asking twice, or too late, changes nothing and returns the record as it is. */
export async function requestCancel(
  db: Database,
  tenant: string,
  id: string,
): Promise<GenerationRecord | undefined> {
  const row = await db
    .updateTable('generations')
    .set({
      state: sql`case state when 'queued' then 'canceled' else state end`,
      finished_at: sql`case state when 'queued' then clock_timestamp() end`,
      cancel_requested: true,
      revision: sql`revision + 1`,
    })
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .where('state', 'in', ['queued', 'running'])
    .where('cancel_requested', '=', false)
    .returning(recordColumns)
    .executeTakeFirst();
  return row ? toRecord(row) : await get(db, tenant, id);
}
