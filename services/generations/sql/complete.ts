import { sql } from 'kysely';
import type { WorkerStore } from '../worker-store.ts';
import { named } from './named.ts';
import type { Database } from './schema.ts';

export type Completion = Parameters<WorkerStore['complete']>[0];

/**
 * running → succeeded under each one's fence, all in one statement, locked in the order of ids as by
 * claims. A worker that never heard the answer asks again; it then finds the state it wrote under
 * its own fence, and is told that its write stands.
 *
 * @param completions no two of the same id
 */
export async function complete(
  db: Database,
  completions: readonly Completion[],
): Promise<boolean[]> {
  const done = completions.map(({ timings, ran, ...rest }, nth) => ({
    nth,
    ...rest,
    ...timings,
    ...ran,
  }));
  const { rows } = await sql<{ nth: number }>`
    with done as (
      select * from json_to_recordset(${JSON.stringify(done)}::json) as done (
        nth integer, id uuid, fence integer, images jsonb, truncated jsonb,
        "modelLoadMs" float8, "inferenceMs" float8, "storeMs" float8,
        steps integer, "gpuMs" float8
      )
    ),
    held as (
      select done.* from done join generations using (id, fence)
      where ${named(completions)}
      order by id
      for update of generations
    )
    update generations set
      state = 'succeeded',
      revision = revision + 1,
      images = held.images,
      truncated = coalesce(held.truncated, '[]'),
      step = generations.steps,
      model_load_ms = held."modelLoadMs",
      inference_ms = held."inferenceMs",
      store_ms = held."storeMs",
      attempt_steps = coalesce(held.steps, attempt_steps),
      attempt_gpu_ms = coalesce(held."gpuMs", attempt_gpu_ms),
      worker = null,
      lease_message_id = null,
      lease_expires_at = null,
      finished_at = clock_timestamp()
    from held
    where generations.id = held.id and generations.fence = held.fence and state = 'running'
    returning held.nth`.execute(db);
  const written = new Set(rows.map(({ nth }) => nth));
  if (written.size === completions.length) return completions.map(() => true);
  const before = await writtenBefore(
    db,
    completions.filter((_, nth) => !written.has(nth)),
  );
  return completions.map(({ id, fence }, nth) => written.has(nth) || before.has(`${id} ${fence}`));
}

/** Those that an earlier try of the same worker has completed, as `ID FENCE`. */
async function writtenBefore(
  db: Database,
  completions: readonly Completion[],
): Promise<Set<string>> {
  const rows = await db
    .selectFrom('generations')
    .select(['id', 'fence'])
    .where(
      'id',
      'in',
      completions.map(({ id }) => id),
    )
    .where('state', '=', 'succeeded')
    .execute();
  return new Set(rows.map(({ id, fence }) => `${id} ${fence}`));
}
