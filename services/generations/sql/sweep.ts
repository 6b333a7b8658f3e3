import { sql } from 'kysely';
import type { FrontendStore } from '../frontend-store.ts';
import type { GenerationRecord } from '../record.ts';
import { type RecordRow, recordColumnList, toRecord } from './record.ts';
import { evidenceOfLoss, resumedStep } from './runs.ts';
import type { Database } from './schema.ts';
import { assignState, endings } from './verdict.ts';

/** How long the creator of a record has to publish it before a sweep does. */
const DEFAULT_GRACE_MS = 1_000;

/**
 * One statement. `skip locked` parts the work between replicas that sweep at once, and `now()`,
 * the statement's start, lets each arm of the `where` use its partial index. The oldest come first, so
 * that what cannot be published keeps nothing else back. A record returned is
 * announced again, at a new revision: no other sweep returns it before the grace is over.
 */
export async function sweep(
  db: Database,
  options: Parameters<FrontendStore['sweep']>[0],
): Promise<GenerationRecord[]> {
  const { limit, messages, republishAfterMs, maxAttempts, graceMs = DEFAULT_GRACE_MS } = options;
  const isWaiting = sql`state = 'queued' and published
    and announced_at <= now() - ${republishAfterMs}::float8 * interval '1 millisecond'`;
  const { rows } = await sql<RecordRow>`
    with waiting as (
      select id, model, count(*) over (partition by model) as records,
        row_number() over (partition by model order by announced_at, id) as place
      from generations where ${isWaiting}
    ),
    lost as (
      select id from waiting
      join json_to_recordset(${JSON.stringify(messages)}::json)
        as queue (model text, count integer) using (model)
      where place <= records - queue.count
    ),
    judged as (
      select id, case
        ${endings(maxAttempts)}
        when state = 'queued' then 'publish'
        else 'requeue'
      end as verdict
      from generations
      where (state = 'queued' and deadline <= now())
        or (state = 'queued' and not published
          and announced_at <= now() - ${graceMs}::float8 * interval '1 millisecond')
        or (${isWaiting} and id in (select id from lost))
        or (state = 'running' and lease_expires_at <= now())
      order by announced_at
      limit ${limit}::integer
      for update skip locked
    )
    update generations set
      ${assignState('queued')},
      worker = null,
      lease_message_id = null,
      lease_expires_at = null,
      queued_at = case judged.verdict when 'requeue' then clock_timestamp() else queued_at end,
      step = case judged.verdict when 'requeue' then ${resumedStep} else step end,
      evidence = ${evidenceOfLoss},
      published = false,
      announced_at = clock_timestamp()
    from judged
    where generations.id = judged.id
    returning ${recordColumnList}`.execute(db);
  return rows.filter((row) => row.state === 'queued').map(toRecord);
}
