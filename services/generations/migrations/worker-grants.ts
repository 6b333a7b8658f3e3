import { sql } from 'kysely';
import { recordColumns } from '../sql/record.ts';
import type { Database } from '../sql/schema.ts';

/** What claim, heartbeat, complete and release write. */
const written = [
  'state',
  'revision',
  'queued_at',
  'published',
  'announced_at',
  'attempt',
  'fence',
  'worker',
  'lease_message_id',
  'lease_expires_at',
  'step',
  'steps_run',
  'gpu_ms',
  'attempt_steps',
  'attempt_gpu_ms',
  'checkpoint',
  'evidence',
  'steps',
  'images',
  'truncated',
  'error_code',
  'error_message',
  'queued_ms',
  'model_load_ms',
  'inference_ms',
  'store_ms',
  'finished_at',
] as const;

/**
 * Lets a worker's role claim, heartbeat, complete and release, and nothing else: it cannot insert,
 * delete, change what was asked for or by whom, ask for a cancel, read idempotency keys, or leave
 * a terminal state (the trigger). The role itself, with its password, is the operator's to create.
 */
export async function grantWorker(db: Database, role: string): Promise<void> {
  const columns = (names: readonly string[]) => sql.join(names.map((name) => sql.ref(name)));
  const readable = [...new Set([...recordColumns, ...written, 'deleted_at'])];
  await sql`revoke all on generations from ${sql.id(role)}`.execute(db);
  await sql`grant select (${columns(readable)}), update (${columns(written)})
    on generations to ${sql.id(role)}`.execute(db);
  await sql`grant select, insert, update, delete on workers to ${sql.id(role)}`.execute(db);
}
