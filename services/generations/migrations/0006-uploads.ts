import { type Kysely, sql } from 'kysely';

/** The files that callers have brought, so that those that nothing needs can be found. */
export async function createUploads(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table uploads (
      tenant text not null,
      sha256 text not null,
      -- whether the file is in the object store; noted before it is put there, and once it is
      stored boolean not null default false,
      -- when it was last brought, or named by a request
      used_at timestamptz not null default clock_timestamp(),
      -- since when it is being removed, or when that was last taken up
      deleted_at timestamptz,
      primary key (tenant, sha256)
    )`.execute(db);
  await sql`create index uploads_used on uploads (used_at)`.execute(db);
  for (const field of ['initImage', 'mask']) {
    // Where the table is large, it is there already: docs/upgrade.md.
    await sql`create index if not exists ${sql.id(`generations_${field.toLowerCase()}`)}
      on generations (tenant, (request->>${sql.lit(field)}))
      where request->>${sql.lit(field)} is not null`.execute(db);
  }
}
