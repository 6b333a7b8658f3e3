import type { GenerationState } from '@darkroom/contract';
import { sql, type UpdateObject } from 'kysely';
import type { GenerationRecord, Heartbeat, WorkerStore } from '../store.ts';
import { recordColumns, toRecord } from './record.ts';
import type { Database, Schema } from './schema.ts';

type Options<Method extends keyof WorkerStore> = Parameters<WorkerStore[Method]>[0];

/** `running` under this fence is the only state in which a worker may write. */
const heldBy = (db: Database, { id, fence }: { id: string; fence: number }) =>
  db
    .updateTable('generations')
    .where('id', '=', id)
    .where('fence', '=', fence)
    .where('state', '=', 'running');

const noLease = { worker: null, lease_message_id: null, lease_expires_at: null } as const;

/**
 * Leaves the revision alone: progress is told by its step. The columns it writes are in no index,
 * so Postgres updates in place.
 */
export async function heartbeat(db: Database, options: Options<'heartbeat'>): Promise<Heartbeat> {
  const row = await heldBy(db, options)
    .set({
      lease_expires_at: sql`clock_timestamp() + ${options.leaseMs}::float8 * interval '1 millisecond'`,
      step: options.progress.step,
      steps: options.progress.steps,
    })
    .returning('cancel_requested')
    .executeTakeFirst();
  if (row === undefined) return 'lost';
  return row.cancel_requested ? 'cancel-requested' : 'held';
}

export const complete = (db: Database, options: Options<'complete'>): Promise<boolean> =>
  finish(db, options, 'succeeded', {
    images: JSON.stringify(options.images),
    step: sql`steps`,
    model_load_ms: options.timings.modelLoadMs,
    inference_ms: options.timings.inferenceMs,
    store_ms: options.timings.storeMs,
  });

export const fail = (db: Database, options: Options<'fail'>): Promise<boolean> =>
  finish(db, options, 'failed', {
    error_code: options.error.code,
    error_message: options.error.message,
  });

export const settleCancel = (db: Database, options: Options<'settleCancel'>): Promise<boolean> =>
  finish(db, options, 'canceled', {});

/**
 * A worker that never heard the answer asks again; it then finds the state it wrote under its own
 * fence, and is told that its write stands.
 */
async function finish(
  db: Database,
  { id, fence }: { id: string; fence: number },
  state: GenerationState,
  result: UpdateObject<Schema, 'generations'>,
): Promise<boolean> {
  const { numUpdatedRows } = await heldBy(db, { id, fence })
    .set({
      ...result,
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
  { id, fence, countAttempt }: Options<'release'>,
): Promise<GenerationRecord | undefined> {
  const row = await heldBy(db, { id, fence })
    .set({
      ...noLease,
      state: sql`case when cancel_requested then 'canceled' else 'queued' end`,
      finished_at: sql`case when cancel_requested then clock_timestamp() end`,
      revision: sql`revision + 1`,
      attempt: countAttempt ? sql`attempt` : sql`attempt - 1`,
      step: 0,
      queued_at: sql`clock_timestamp()`,
      published: false,
      announced_at: sql`clock_timestamp()`,
    })
    .returning(recordColumns)
    .executeTakeFirst();
  return row?.state === 'queued' ? toRecord(row) : undefined;
}

/** A newer revision means that the message is already out of date: nothing to note. */
export async function markPublished(db: Database, id: string, revision: number): Promise<void> {
  await db
    .updateTable('generations')
    .set({ published: true, announced_at: sql`clock_timestamp()` })
    .where('id', '=', id)
    .where('revision', '=', revision)
    .where('state', '=', 'queued')
    .execute();
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
