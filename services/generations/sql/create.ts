import { DarkroomError } from '@darkroom/contract';
import type { GenerationRecord, NewGeneration } from '../store.ts';
import { recordColumns, toRecord } from './record.ts';
import type { Database } from './schema.ts';

/**
 * One statement, one round trip: the unique index on (tenant, key) decides between two creates at
 * once, and the loser waits in the insert until the winner has committed. Only a repeat reads.
 */
export async function create(
  db: Database,
  input: NewGeneration,
): Promise<{ record: GenerationRecord; created: boolean }> {
  const { request, idempotency } = input;
  const row = await db
    .insertInto('generations')
    .values({
      id: input.id,
      tenant: input.tenant,
      model: request.model,
      request: JSON.stringify(request),
      steps: request.steps * request.count,
      deadline: input.deadline ?? null,
      traceparent: input.traceparent ?? null,
      idempotency_key: idempotency?.key ?? null,
      idempotency_fingerprint: idempotency?.fingerprint ?? null,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'idempotency_key'])
        .where('idempotency_key', 'is not', null)
        .doNothing(),
    )
    .returning(recordColumns)
    .executeTakeFirst();
  if (row !== undefined) return { record: toRecord(row), created: true };
  return { record: await repeated(db, input), created: false };
}

async function repeated(
  db: Database,
  { tenant, idempotency }: NewGeneration,
): Promise<GenerationRecord> {
  const key = idempotency?.key ?? '';
  const first = await db
    .selectFrom('generations')
    .select([...recordColumns, 'idempotency_fingerprint'])
    .where('tenant', '=', tenant)
    .where('idempotency_key', '=', key)
    .executeTakeFirstOrThrow();
  if (first.idempotency_fingerprint !== idempotency?.fingerprint) {
    throw new DarkroomError(
      'conflict',
      `The idempotency key "${key}" was used before with another request (generation ` +
        `${first.id}). Repeat that request unchanged, or use a new key.`,
    );
  }
  return toRecord(first);
}
