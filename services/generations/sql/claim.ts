import { sql } from 'kysely';
import type { ClaimResult, WorkerStore } from '../worker-store.ts';
import { named } from './named.ts';
import { type RecordRow, recordColumnList, toRecord } from './record.ts';
import { evidenceOfLoss, resumedStep } from './runs.ts';
import type { Database } from './schema.ts';
import { assignState, endings } from './verdict.ts';

export type ClaimOptions = Parameters<WorkerStore['claim']>[0];

type Verdict = 'terminal' | 'leased' | 'canceled' | 'expired' | 'attempts' | 'claimed';

/** `terminal` and `leased` change nothing, so their record columns are null. */
type Row = { nth: number; verdict: Verdict; fence: number } & RecordRow;

/**
 * One statement locks the records, judges them and carries the verdicts out, so of any number of
 * claims at once exactly one finds a record free: the others wait for the lock and judge what they
 * then see. All lock in the order of ids, so that two such statements never wait for each other.
 * What has met its end (deadline, attempts, a cancel whose worker is gone) is ended on the spot, so
 * that no refused message leaves a record that nobody would finish.
 *
 * @param claims no two of the same id
 */
export async function claim(db: Database, claims: readonly ClaimOptions[]): Promise<ClaimResult[]> {
  const wanted = claims.map((claim, nth) => ({ nth, ...claim }));
  const { rows } = await sql<Row>`
    with wanted as (
      select * from json_to_recordset(${JSON.stringify(wanted)}::json) as wanted (
        nth integer, id uuid, "messageId" text, redelivered boolean, worker text,
        "leaseMs" float8, "maxAttempts" integer
      )
    ),
    found as (
      select wanted.nth, id, wanted."messageId", wanted.redelivered, wanted.worker as claimant,
        wanted."leaseMs", wanted."maxAttempts",
        state, lease_expires_at, lease_message_id, cancel_requested, deadline, attempt
      from wanted join generations using (id)
      where ${named(claims)}
      order by id
      for update of generations
    ),
    judged as (
      select nth, id, "messageId", claimant, "leaseMs", case
        when state in ('succeeded', 'failed', 'canceled') then 'terminal'
        when state = 'running' and lease_expires_at > clock_timestamp()
          and not (redelivered and lease_message_id = "messageId") then 'leased'
        ${endings(sql.ref('maxAttempts'))}
        else 'claimed'
      end as verdict
      from found
    ),
    changed as (
      update generations set
        ${assignState('running')},
        attempt = case judged.verdict when 'claimed' then attempt + 1 else attempt end,
        fence = case judged.verdict when 'claimed' then fence + 1 else fence end,
        worker = case judged.verdict when 'claimed' then judged.claimant end,
        lease_message_id = case judged.verdict when 'claimed' then judged."messageId" end,
        lease_expires_at = case judged.verdict when 'claimed'
          then clock_timestamp() + judged."leaseMs" * interval '1 millisecond' end,
        queued_ms = case when state = 'queued' and judged.verdict = 'claimed'
          then coalesce(queued_ms, 0)
            + extract(epoch from clock_timestamp() - queued_at)::float8 * 1000
          else queued_ms end,
        step = case judged.verdict when 'claimed' then ${resumedStep} else step end,
        steps_run = case judged.verdict when 'claimed' then steps_run + attempt_steps
          else steps_run end,
        gpu_ms = case judged.verdict when 'claimed' then gpu_ms + attempt_gpu_ms else gpu_ms end,
        attempt_steps = case judged.verdict when 'claimed' then 0 else attempt_steps end,
        attempt_gpu_ms = case judged.verdict when 'claimed' then 0 else attempt_gpu_ms end,
        evidence = ${evidenceOfLoss}
      from judged
      where generations.id = judged.id and judged.verdict not in ('terminal', 'leased')
      returning ${recordColumnList}, generations.fence
    )
    select judged.nth, judged.verdict, changed.*
    from judged left join changed using (id)`.execute(db);

  const results = claims.map((): ClaimResult => ({ claimed: false, reason: 'unknown' }));
  for (const row of rows) results[row.nth] = toResult(row);
  return results;
}

function toResult(row: Row): ClaimResult {
  if (row.verdict === 'claimed') {
    return { claimed: true, claim: { record: toRecord(row), fence: row.fence } };
  }
  return { claimed: false, reason: row.verdict === 'canceled' ? 'terminal' : row.verdict };
}
