import type { EvidenceDetail, GenerationState } from '@darkroom/contract';
import { sql } from 'kysely';
import type { Position } from '../frontend-store.ts';
import type { GenerationRecord } from '../record.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { recordColumns, toEvidence, toRecord } from './record.ts';
import type { Database } from './schema.ts';

export async function get(
  db: Database,
  tenant: string,
  id: string,
): Promise<GenerationRecord | undefined> {
  const row = await db
    .selectFrom('generations')
    .select(recordColumns)
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toRecord(row);
}

export async function evidence(db: Database, id: string): Promise<EvidenceDetail[] | undefined> {
  const row = await db
    .selectFrom('generations')
    .select('evidence')
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toEvidence(row.evidence);
}

export const positions = (db: Database, ids: readonly string[]): Promise<Position[]> =>
  db
    .selectFrom('generations')
    .select(['id', 'revision', 'step'])
    .where('id', '=', sql<string>`any(${ids}::uuid[])`)
    .where('deleted_at', 'is', null)
    .execute();

export async function list(
  db: Database,
  tenant: string,
  page: { limit: number; cursor?: string | undefined; state?: GenerationState | undefined },
): Promise<{ records: GenerationRecord[]; nextCursor: string | null }> {
  const { limit, cursor, state } = page;
  let query = db
    .selectFrom('generations')
    .select(recordColumns)
    .where('tenant', '=', tenant)
    .where('deleted_at', 'is', null);
  if (state !== undefined) query = query.where('state', '=', state);
  if (cursor !== undefined) {
    const { createdAt, id } = decodeCursor(cursor);
    query = query.where(sql<boolean>`(created_at, id) < (${createdAt}::timestamptz, ${id}::uuid)`);
  }
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  const records = rows.slice(0, limit).map(toRecord);
  const last = records.at(-1);
  return { records, nextCursor: rows.length > limit && last ? encodeCursor(last) : null };
}
