import type { WebhookStatus } from '@darkroom/contract';
import { type Selectable, sql } from 'kysely';
import type { DueWebhook, WebhookOutcome, WebhookStore } from '../webhook-store.ts';
import { type RecordRow, recordColumnList, toRecord } from './record.ts';
import type { Database, Schema } from './schema.ts';

type StatusRow = { webhook_url: string | null } & {
  [Column in keyof Selectable<Schema['webhooks']>]: Selectable<Schema['webhooks']>[Column] | null;
};

/** Before the generation's end there is no notice yet, only the wish for one. */
export async function getWebhook(
  db: Database,
  tenant: string,
  id: string,
): Promise<WebhookStatus | undefined> {
  const row:
    | Pick<
        StatusRow,
        'webhook_url' | 'state' | 'attempts' | 'next_at' | 'last_status' | 'last_error'
      >
    | undefined = await db
    .selectFrom('generations')
    .leftJoin('webhooks', 'webhooks.generation_id', 'generations.id')
    .select(['webhook_url', 'webhooks.state', 'attempts', 'next_at', 'last_status', 'last_error'])
    .where('generations.id', '=', id)
    .where('generations.tenant', '=', tenant)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined || row.webhook_url === null) return undefined;
  return {
    state: row.state ?? 'waiting',
    attempts: row.attempts ?? 0,
    lastStatus: row.last_status,
    lastError: row.last_error,
    nextAt: row.state === 'pending' ? (row.next_at?.toISOString() ?? null) : null,
  };
}

/** One statement; `skip locked` parts the work between replicas. Of what was deleted nothing is told. */
export async function takeWebhooks(
  db: Database,
  { limit, leaseMs, except }: Parameters<WebhookStore['takeWebhooks']>[0],
): Promise<DueWebhook[]> {
  const { rows } = await sql<{ url: string; attempts: number; takenAt: Date } & RecordRow>`
    with due as (
      select generation_id from webhooks join generations on generations.id = generation_id
      where webhooks.state = 'pending' and next_at <= now() and deleted_at is null
        and webhooks.tenant <> all (${sql.val(except)}::text[])
      order by next_at
      limit ${limit}::integer
      for update of webhooks skip locked
    ),
    taken as (
      update webhooks set
        attempts = attempts + 1,
        next_at = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
      from due where webhooks.generation_id = due.generation_id
      returning webhooks.generation_id, webhooks.url, webhooks.attempts
    )
    select ${recordColumnList}, taken.url, taken.attempts, clock_timestamp() as "takenAt"
    from taken join generations on generations.id = taken.generation_id`.execute(db);
  return rows.map(({ url, attempts, takenAt, ...row }) => ({
    record: toRecord(row),
    url,
    attempts,
    takenAt,
  }));
}

/** Settled under its attempt: a frontend that was too slow finds it in other hands. */
export async function settleWebhook(
  db: Database,
  { id, attempts, outcome }: { id: string; attempts: number; outcome: WebhookOutcome },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('webhooks')
    .set({
      state: outcome.state,
      last_status: outcome.status,
      last_error: outcome.error,
      ...(outcome.state === 'pending' && {
        next_at: sql`clock_timestamp() + ${outcome.retryInMs}::float8 * interval '1 millisecond'`,
      }),
    })
    .where('generation_id', '=', id)
    .where('attempts', '=', attempts)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
