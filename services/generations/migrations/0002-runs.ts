import { type Kysely, sql } from 'kysely';

/** What attempts have run, saved and died of; redriving; and the workers that are there. */
export async function createRuns(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table generations
      -- of all attempts before the present one
      add column steps_run integer not null default 0,
      add column gpu_ms double precision not null default 0,
      -- of the present attempt, or the last; a claim adds them to the above
      add column attempt_steps integer not null default 0,
      add column attempt_gpu_ms double precision not null default 0,
      -- {key, picture, step}: where the run state lies that the next attempt goes on from
      add column checkpoint jsonb,
      -- [{worker, attempt, at, cause, lastWords}]: every attempt that was lost
      add column evidence jsonb not null default '[]',
      add column redrive_of uuid`.execute(db);
  await sql`
    create table workers (
      worker text primary key,
      models jsonb not null,
      state text not null check (state in ('loading', 'ready', 'draining')),
      -- inference processes that it lost in the last minutes
      crashes integer not null,
      started_at timestamptz not null default clock_timestamp(),
      seen_at timestamptz not null default clock_timestamp()
    )`.execute(db);
}
