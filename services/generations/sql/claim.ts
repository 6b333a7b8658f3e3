import { sql } from 'kysely';
import type { ClaimResult, WorkerStore } from '../worker-store.ts';
import { named } from './named.ts';
import { type RecordRow, recordColumnList, toRecord } from './record.ts';
import { evidenceOfLoss, resumedStep } from './runs.ts';
import type { Database } from './schema.ts';
import { assignState, endings } from './verdict.ts';

export type ClaimOptions = Parameters<WorkerStore['claim']>[0];

type Verdict = 'terminal' | 'repeated' | 'leased' | 'canceled' | 'expired' | 'attempts' | 'claimed';

/** `terminal` and `leased` change nothing, so their record columns are null. */
type Row = { nth: number; verdict: Verdict; leftMs: number; fence: number } & RecordRow;

/**
 * One statement locks the records, judges them and carries the verdicts out, so of any number of
 * claims at once exactly one finds a record free: the others wait for the lock and judge what they
 * then see. All lock in the order of ids, so that two such statements never wait for each other.
 * A claim that its caller repeats, having heard no answer, finds its own id and is granted again. What
 * has met its end (deadline, attempts, a cancel whose worker is gone) is ended on the spot, so
 * that no refused message leaves a record that nobody would finish.
 *
 * @param claims no two of the same id
 */
export async function claim(db: Database, claims: readonly ClaimOptions[]): Promise<ClaimResult[]> {
  const wanted = claims.map((claim, nth) => ({ nth, ...claim }));
  const { rows } = await sql<Row>`
    with wanted as (
      select * from json_to_recordset(${JSON.stringify(wanted)}::json) as wanted (
        nth integer, id uuid, "claimId" text, worker text,
        "leaseMs" float8, "maxAttempts" integer
      )
    ),
    found as (
      select wanted.nth, id, wanted."claimId", wanted.worker as claimant,
        wanted."leaseMs", wanted."maxAttempts",
        state, lease_expires_at, lease_message_id, cancel_requested, deadline, attempt,
        extract(epoch from lease_expires_at - clock_timestamp())::float8 * 1000 as "leftMs"
      from wanted join generations using (id)
      where ${named(claims)}
      order by id
      for update of generations
    ),
    judged as (
      select nth, id, "claimId", claimant, "leaseMs", "leftMs", case
        when state in ('succeeded', 'failed', 'canceled') then 'terminal'
        when state = 'running' and lease_message_id = "claimId" then 'repeated'
        when state = 'running' and "leftMs" > 0 then 'leased'
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
        lease_message_id = case judged.verdict when 'claimed' then judged."claimId" end,
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
      where generations.id = judged.id
        and judged.verdict not in ('terminal', 'repeated', 'leased')
      returning ${recordColumnList}, generations.fence
    ),
    renewed as (
      update generations set
        lease_expires_at = clock_timestamp() + judged."leaseMs" * interval '1 millisecond'
      from judged
      where generations.id = judged.id and judged.verdict = 'repeated'
      returning ${recordColumnList}, generations.fence
    )
    select judged.nth, judged.verdict, judged."leftMs", written.*
    from judged
    left join (select * from changed union all select * from renewed) as written using (id)`.execute(
    db,
  );

  const results = claims.map((): ClaimResult => ({ claimed: false, reason: 'unknown' }));
  for (const row of rows) results[row.nth] = toResult(row);
  return results;
}

function toResult(row: Row): ClaimResult {
  const { verdict, leftMs, fence } = row;
  if (verdict === 'claimed' || verdict === 'repeated') {
    return { claimed: true, claim: { record: toRecord(row), fence } };
  }
  if (verdict === 'leased') return { claimed: false, reason: verdict, leftMs };
  return { claimed: false, reason: verdict === 'canceled' ? 'terminal' : verdict };
}
