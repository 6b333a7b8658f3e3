import { DarkroomError, totalSteps } from '@darkroom/contract';
import { sql } from 'kysely';
import type { Idempotency, NewGeneration } from '../frontend-store.ts';
import type { GenerationRecord } from '../record.ts';
import { recordColumns, toRecord } from './record.ts';
import type { Database, Schema } from './schema.ts';

/** What the database fills in or writes its own way; all else of a new record is known here. */
type FilledRow = { id: string; deadline: Date | null; created_at: Date; queued_at: Date };

type Created = { record: GenerationRecord; created: boolean };

/** The columns that a request fills; the others have their defaults. */
const givenColumns = [
  'id',
  'tenant',
  'model',
  'request',
  'steps',
  'deadline',
  'traceparent',
  'idempotency_key',
  'idempotency_fingerprint',
  'idempotency_meaning',
  'redrive_of',
  'webhook_url',
] as const satisfies (keyof Schema['generations'])[];

const givenColumnList = sql.join(givenColumns.map((column) => sql.ref(column)));

type GivenRow = Record<(typeof givenColumns)[number], unknown>;

const toRow = ({ request, idempotency, ...input }: NewGeneration): GivenRow => ({
  id: input.id,
  tenant: input.tenant,
  model: request.model,
  request,
  steps: totalSteps(request),
  deadline: input.deadline ?? null,
  traceparent: input.traceparent ?? null,
  idempotency_key: idempotency?.key ?? null,
  idempotency_fingerprint: idempotency?.fingerprint ?? null,
  idempotency_meaning: idempotency?.meaning ?? null,
  redrive_of: input.redriveOf ?? null,
  webhook_url: input.webhookUrl ?? null,
});

/** Reading it all back would cost more than writing it. */
const newRecord = (input: NewGeneration, filled: FilledRow): GenerationRecord => ({
  id: input.id,
  tenant: input.tenant,
  request: input.request,
  traceparent: input.traceparent ?? null,
  deadline: filled.deadline?.toISOString() ?? null,
  createdAt: filled.created_at.toISOString(),
  queuedAt: filled.queued_at.toISOString(),
  state: 'queued',
  revision: 1,
  published: false,
  attempt: 0,
  cancelRequested: false,
  progress: { step: 0, steps: totalSteps(input.request) },
  images: [],
  error: null,
  timings: { queuedMs: null, modelLoadMs: null, inferenceMs: null, storeMs: null },
  finishedAt: null,
  receipt: null,
  evidence: [],
  redriveOf: input.redriveOf ?? null,
  truncated: [],
  checkpoint: null,
});

/**
 * One statement, one round trip, one commit, however many: the unique index on (tenant, key) decides
 * between two creates at once, and the loser waits in the insert until the winner has committed. The
 * keys' order keeps two such statements from waiting for each other. Only a repeat reads.
 */
export async function create(
  db: Database,
  inputs: readonly NewGeneration[],
): Promise<(Created | Promise<Created>)[]> {
  const { rows } = await sql<FilledRow>`
    insert into generations (${givenColumnList})
    select ${givenColumnList}
    from json_populate_recordset(null::generations, ${JSON.stringify(inputs.map(toRow))}::json)
    order by tenant, idempotency_key
    on conflict (tenant, idempotency_key) where idempotency_key is not null do nothing
    returning id, deadline, created_at, queued_at`.execute(db);
  const made = new Map(rows.map((row) => [row.id, row]));
  return inputs.map((input) => {
    const row = made.get(input.id);
    return row === undefined
      ? repeated(db, input)
      : { record: newRecord(input, row), created: true };
  });
}

async function repeated(db: Database, input: NewGeneration): Promise<Created> {
  const { tenant, idempotency } = input;
  const record = idempotency && (await findRepeat(db, tenant, idempotency));
  if (record !== undefined) return { record, created: false };
  // Deleted between the two statements: its key is free again.
  const [created] = await create(db, [input]);
  if (created === undefined) throw new Error('a create of one record made none');
  return await created;
}

export async function findRepeat(
  db: Database,
  tenant: string,
  { key, fingerprint, meaning }: Idempotency,
): Promise<GenerationRecord | undefined> {
  const first = await db
    .selectFrom('generations')
    .select([...recordColumns, 'idempotency_fingerprint', 'idempotency_meaning'])
    .where('tenant', '=', tenant)
    .where('idempotency_key', '=', key)
    .executeTakeFirst();
  if (first === undefined) return undefined;
  const isRepeat =
    first.idempotency_fingerprint === fingerprint ||
    (meaning !== undefined && first.idempotency_meaning === meaning);
  if (!isRepeat) {
    throw new DarkroomError(
      'conflict',
      `The idempotency key "${key}" was used before with another request (generation ` +
        `${first.id}). Repeat that request unchanged, or use a new key.`,
    );
  }
  return toRecord(first);
}
