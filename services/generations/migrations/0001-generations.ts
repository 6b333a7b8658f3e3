import { type Kysely, sql } from 'kysely';

/** The record of every request, with the indices that its statements need. */
export async function createGenerations(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table generations (
      id uuid primary key,
      tenant text not null,
      -- of request, for counting
      model text not null,
      request jsonb not null,
      traceparent text,
      deadline timestamptz,
      idempotency_key text,
      idempotency_fingerprint text,
      -- whole milliseconds: a list's cursor names it
      created_at timestamptz(3) not null default clock_timestamp(),

      state text not null default 'queued'
        check (state in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
      revision integer not null default 1,

      -- when it last became queued, and when its message was last sent or about to be
      queued_at timestamptz not null default clock_timestamp(),
      published boolean not null default false,
      announced_at timestamptz not null default clock_timestamp(),

      attempt integer not null default 0 check (attempt >= 0),
      -- counts claims, hand-backs included
      fence integer not null default 0,
      worker text,
      lease_message_id text,
      lease_expires_at timestamptz,
      cancel_requested boolean not null default false,

      step integer not null default 0,
      steps integer not null,
      images jsonb not null default '[]',
      error_code text,
      error_message text,
      queued_ms double precision,
      model_load_ms double precision,
      inference_ms double precision,
      store_ms double precision,
      finished_at timestamptz,

      constraint leased_while_running check ((state = 'running') = (lease_expires_at is not null)),
      constraint finished_when_terminal
        check ((state in ('succeeded', 'failed', 'canceled')) = (finished_at is not null)),
      constraint error_when_failed check ((state = 'failed') = (error_code is not null))
    )`.execute(db);

  await sql`create unique index generations_idempotency on generations (tenant, idempotency_key)
    where idempotency_key is not null`.execute(db);
  await sql`create index generations_list on generations (tenant, created_at desc, id desc)`.execute(
    db,
  );
  await sql`create index generations_active on generations (state, model)
    where state in ('queued', 'running')`.execute(db);
  await sql`create index generations_unpublished on generations (announced_at)
    where state = 'queued' and not published`.execute(db);
  await sql`create index generations_published on generations (announced_at)
    where state = 'queued' and published`.execute(db);
  await sql`create index generations_deadline on generations (deadline)
    where state = 'queued' and deadline is not null`.execute(db);

  await guardEdges(db);
}

/**
 * Every statement names the state it leaves; this holds whoever writes by other means to the same
 * edges. The condition is the trigger's own, so a legal write never calls the function.
 */
async function guardEdges(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function refuse_generation_edge() returns trigger language plpgsql as $$
    begin
      raise exception 'generation % cannot go from % to %', old.id, old.state, new.state
        using errcode = 'check_violation';
    end $$`.execute(db);
  await sql`
    create trigger generations_edges before update of state on generations for each row
    when (old.state <> new.state and (old.state, new.state) not in (
      ('queued', 'running'), ('queued', 'canceled'), ('queued', 'failed'),
      ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled'),
      ('running', 'queued')
    ))
    execute function refuse_generation_edge()`.execute(db);
}
