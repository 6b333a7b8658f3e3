import { sql } from 'kysely';
import type { UploadName, UploadStore } from '../upload-store.ts';
import type { Database } from './schema.ts';

export async function noteUpload(
  db: Database,
  { tenant, sha256, stored }: Parameters<UploadStore['noteUpload']>[0],
): Promise<boolean> {
  const { rows } = await sql`
    insert into uploads (tenant, sha256, stored) values (${tenant}, ${sha256}, ${stored})
    on conflict (tenant, sha256) do update
      set used_at = clock_timestamp(), stored = uploads.stored or excluded.stored
      where uploads.deleted_at is null
    returning sha256`.execute(db);
  return rows.length > 0;
}

export async function useUploads(
  db: Database,
  tenant: string,
  sha256s: readonly string[],
): Promise<string[]> {
  if (sha256s.length === 0) return [];
  const rows = await db
    .updateTable('uploads')
    .set({ used_at: sql`clock_timestamp()` })
    .where('tenant', '=', tenant)
    .where('sha256', 'in', sha256s)
    .where('stored', '=', true)
    .where('deleted_at', 'is', null)
    .returning('sha256')
    .execute();
  return rows.map(({ sha256 }) => sha256);
}

const named = (field: string) => sql`exists (
  select 1 from generations
  where generations.tenant = uploads.tenant and generations.deleted_at is null
    and generations.request->>${sql.lit(field)} = 'sha256:' || uploads.sha256)`;

/** `skip locked` and the new `deleted_at` give an upload to one replica at a time. */
export async function takeUnusedUploads(
  db: Database,
  { unusedMs, retryMs, limit }: Parameters<UploadStore['takeUnusedUploads']>[0],
): Promise<UploadName[]> {
  const before = (ms: number) => sql`now() - ${ms}::float8 * interval '1 millisecond'`;
  const { rows } = await sql<UploadName>`
    with unused as (
      select tenant, sha256 from uploads
      where uploads.deleted_at <= ${before(retryMs)}
        or (uploads.deleted_at is null and used_at <= ${before(unusedMs)}
          and not ${named('initImage')} and not ${named('mask')})
      order by used_at limit ${limit}::integer
      for update skip locked
    )
    update uploads set deleted_at = clock_timestamp()
    from unused where uploads.tenant = unused.tenant and uploads.sha256 = unused.sha256
    returning uploads.tenant, uploads.sha256`.execute(db);
  return rows;
}

export async function forgetUploads(db: Database, uploads: readonly UploadName[]): Promise<void> {
  if (uploads.length === 0) return;
  await sql`
    delete from uploads using json_to_recordset(${JSON.stringify(uploads)}::json)
      as taken (tenant text, sha256 text)
    where uploads.tenant = taken.tenant and uploads.sha256 = taken.sha256
      and deleted_at is not null`.execute(db);
}
