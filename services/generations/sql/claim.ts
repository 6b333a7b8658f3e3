import { sql } from 'kysely';
import type { ClaimResult, WorkerStore } from '../store.ts';
import { type RecordRow, recordColumnList, toRecord } from './record.ts';
import type { Database } from './schema.ts';
import { assignState, endings } from './verdict.ts';

type Verdict = 'terminal' | 'leased' | 'canceled' | 'expired' | 'attempts' | 'claimed';

/** `terminal` and `leased` change nothing, so their record columns are null. */
type Row = { verdict: Verdict; fence: number } & RecordRow;

/**
 * One statement locks the record, judges it and carries the verdict out, so of any number of
 * claims at once exactly one finds it free: the others wait for the lock and judge what they then
 * see. What has met its end (deadline, attempts, a cancel whose worker is gone) is ended on the
 * spot, so that no refused message leaves a record that nobody would finish.
 */
export async function claim(
  db: Database,
  options: Parameters<WorkerStore['claim']>[0],
): Promise<ClaimResult> {
  const { id, messageId, redelivered, worker, leaseMs, maxAttempts } = options;
  const { rows } = await sql<Row>`
    with found as (
      select id, state, lease_expires_at, lease_message_id, cancel_requested, deadline, attempt
      from generations where id = ${id}::uuid
      for update
    ),
    judged as (
      select id, case
        when state in ('succeeded', 'failed', 'canceled') then 'terminal'
        when state = 'running' and lease_expires_at > clock_timestamp()
          and not (${redelivered}::boolean and lease_message_id = ${messageId}::text) then 'leased'
        ${endings(maxAttempts)}
        else 'claimed'
      end as verdict
      from found
    ),
    changed as (
      update generations set
        ${assignState('running')},
        attempt = case judged.verdict when 'claimed' then attempt + 1 else attempt end,
        fence = case judged.verdict when 'claimed' then fence + 1 else fence end,
        worker = case judged.verdict when 'claimed' then ${worker}::text end,
        lease_message_id = case judged.verdict when 'claimed' then ${messageId}::text end,
        lease_expires_at = case judged.verdict when 'claimed'
          then clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond' end,
        queued_ms = case when state = 'queued' and judged.verdict = 'claimed'
          then coalesce(queued_ms, 0)
            + extract(epoch from clock_timestamp() - queued_at)::float8 * 1000
          else queued_ms end,
        step = case judged.verdict when 'claimed' then 0 else step end
      from judged
      where generations.id = judged.id and judged.verdict not in ('terminal', 'leased')
      returning ${recordColumnList}, generations.fence
    )
    select judged.verdict, changed.* from judged left join changed on true`.execute(db);

  const [row] = rows;
  if (row === undefined) return { claimed: false, reason: 'unknown' };
  if (row.verdict === 'claimed') {
    return { claimed: true, claim: { record: toRecord(row), fence: row.fence } };
  }
  return { claimed: false, reason: row.verdict === 'canceled' ? 'terminal' : row.verdict };
}
