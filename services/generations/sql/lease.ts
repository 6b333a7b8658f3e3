import type { GenerationState } from '@darkroom/contract';
import { sql, type UpdateObject } from 'kysely';
import type { GenerationRecord } from '../record.ts';
import type { Heartbeat, Ran, WorkerStore } from '../worker-store.ts';
import { recordColumns, toRecord } from './record.ts';
import { evidenceWith, plainText, resumedStep } from './runs.ts';
import type { Database, Schema } from './schema.ts';
import { unhurried } from './unhurried.ts';

type Options<Method extends keyof WorkerStore> = Parameters<WorkerStore[Method]>[0];

/** `running` under this fence is the only state in which a worker may write. */
const heldBy = (db: Database, { id, fence }: { id: string; fence: number }) =>
  db
    .updateTable('generations')
    .where('id', '=', id)
    .where('fence', '=', fence)
    .where('state', '=', 'running');

/** What the attempt has run until now; without it, what a heartbeat told last stands. */
const withRan = (ran: Ran | undefined): UpdateObject<Schema, 'generations'> =>
  ran === undefined ? {} : { attempt_steps: ran.steps, attempt_gpu_ms: ran.gpuMs };

const noLease = { worker: null, lease_message_id: null, lease_expires_at: null } as const;

/**
 * Leaves the revision alone: progress is told by its step. The columns it writes are in no index,
 * so Postgres updates in place.
 */
export async function heartbeat(db: Database, options: Options<'heartbeat'>): Promise<Heartbeat> {
  const row = await heldBy(db, options)
    .where(unhurried)
    .set({
      lease_expires_at: sql`clock_timestamp() + ${options.leaseMs}::float8 * interval '1 millisecond'`,
      step: options.progress.step,
      steps: options.progress.steps,
      ...withRan(options.ran),
    })
    .returning('cancel_requested')
    .executeTakeFirst();
  if (row === undefined) return 'lost';
  return row.cancel_requested ? 'cancel-requested' : 'held';
}

export const fail = (db: Database, options: Options<'fail'>): Promise<boolean> =>
  finish(db, options, 'failed', {
    error_code: options.error.code,
    error_message: plainText(options.error.message),
  });

export const settleCancel = (db: Database, options: Options<'settleCancel'>): Promise<boolean> =>
  finish(db, options, 'canceled', options.progress ? { step: options.progress.step } : {});

/**
 * A worker that never heard the answer asks again; it then finds the state it wrote under its own
 * fence, and is told that its write stands.
 */
async function finish(
  db: Database,
  { id, fence, ran }: { id: string; fence: number; ran?: Ran | undefined },
  state: GenerationState,
  result: UpdateObject<Schema, 'generations'>,
): Promise<boolean> {
  const { numUpdatedRows } = await heldBy(db, { id, fence })
    .set({
      ...result,
      ...withRan(ran),
      ...noLease,
      state,
      revision: sql`revision + 1`,
      finished_at: sql`clock_timestamp()`,
    })
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return true;
  const written = await db
    .selectFrom('generations')
    .select('id')
    .where('id', '=', id)
    .where('fence', '=', fence)
    .where('state', '=', state)
    .executeTakeFirst();
  return written !== undefined;
}

/** A cancel that came first is settled instead: nothing is left to publish then. */
export async function release(
  db: Database,
  { id, fence, countAttempt, ran, checkpoint, lastWords }: Options<'release'>,
): Promise<GenerationRecord | undefined> {
  const row = await heldBy(db, { id, fence })
    .set({
      ...noLease,
      state: sql`case when cancel_requested then 'canceled' else 'queued' end`,
      finished_at: sql`case when cancel_requested then clock_timestamp() end`,
      revision: sql`revision + 1`,
      attempt: countAttempt ? sql`attempt` : sql`attempt - 1`,
      step: sql`case when cancel_requested then step else ${
        checkpoint === undefined
          ? resumedStep
          : sql`${checkpoint.picture}::integer * (request->>'steps')::integer + ${checkpoint.step}::integer`
      } end`,
      ...(checkpoint !== undefined && { checkpoint: JSON.stringify(checkpoint) }),
      ...(countAttempt && { evidence: evidenceWith(sql.lit('engine-died'), lastWords ?? null) }),
      ...withRan(ran),
      queued_at: sql`clock_timestamp()`,
      published: false,
      announced_at: sql`clock_timestamp()`,
    })
    .returning(recordColumns)
    .executeTakeFirst();
  return row?.state === 'queued' ? toRecord(row) : undefined;
}

export async function expireAllLeases(db: Database): Promise<void> {
  await db
    .updateTable('generations')
    .set({
      lease_expires_at: sql`case state when 'running' then clock_timestamp() end`,
      published: false,
    })
    .where('state', 'in', ['queued', 'running'])
    .execute();
}
