import { type Kysely, sql } from 'kysely';

/**
 * The outbox of webhooks. A notice is written by the database itself, in the transaction that ends
 * the generation, whoever ends it: a worker's role needs no right to it, and no crash comes between.
 */
export async function createWebhooks(db: Kysely<unknown>): Promise<void> {
  await sql`alter table generations add column webhook_url text`.execute(db);

  await sql`
    create table webhooks (
      generation_id uuid primary key references generations (id) on delete cascade,
      tenant text not null,
      url text not null,
      state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
      -- counts the times that a frontend took it up, and tells these apart as a fencing number
      attempts integer not null default 0,
      -- when it falls due, or when the lease of the frontend that has it in hand ends
      next_at timestamptz not null default clock_timestamp(),
      last_status integer,
      last_error text
    )`.execute(db);
  await sql`create index webhooks_due on webhooks (next_at) where state = 'pending'`.execute(db);

  // Runs with its owner's rights, so no name in it may depend on the caller's search path.
  await sql`
    create function write_webhook() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
    begin
      execute format(
        'insert into %I.webhooks (generation_id, tenant, url) values ($1, $2, $3)
         on conflict do nothing', tg_table_schema
      ) using new.id, new.tenant, new.webhook_url;
      return null;
    end $$`.execute(db);
  // Whoever could hang it on a table of their own would have their own triggers run as its owner.
  await sql`revoke execute on function write_webhook() from public`.execute(db);
  await sql`
    create trigger generations_webhook after update of state on generations for each row
    when (new.webhook_url is not null and old.state in ('queued', 'running')
      and new.state in ('succeeded', 'failed', 'canceled'))
    execute function write_webhook()`.execute(db);
}
