import type {
  EvidenceDetail,
  FailureCode,
  GenerationRequest,
  GenerationState,
  StoredImage,
  Truncation,
} from '@darkroom/contract';
import type { ColumnType, Generated, Kysely } from 'kysely';
import type { Checkpoint } from '../record.ts';
import type { WorkerState } from '../worker-store.ts';

/** The database fills it when a row is made; later only expressions over its clock are written. */
type Clock = ColumnType<Date, never, never>;

/** One row a request; the columns' meaning is told in `migrations/0001-generations.ts`. */
type GenerationsTable = {
  id: string;
  tenant: string;
  model: string;
  request: ColumnType<GenerationRequest, string, never>;
  traceparent: string | null;
  deadline: ColumnType<Date | null, string | null, never>;
  idempotency_key: ColumnType<string | null, string | null, null>;
  idempotency_fingerprint: string | null;
  created_at: Clock;
  state: Generated<GenerationState>;
  revision: Generated<number>;
  queued_at: Clock;
  published: Generated<boolean>;
  announced_at: Clock;
  attempt: Generated<number>;
  fence: Generated<number>;
  worker: string | null;
  /**
   * The id of the claim that holds the lease. Releases before this one keep the id of the claimed
   * message here; a claim's id equals none, so they never take a lease for their own message's.
   */
  lease_message_id: string | null;
  lease_expires_at: ColumnType<Date | null, never, null>;
  cancel_requested: Generated<boolean>;
  step: Generated<number>;
  steps: number;
  /** Written as JSON text, as is `request`: node-postgres takes an array for a Postgres array. */
  images: ColumnType<StoredImage[], never, string>;
  error_code: FailureCode | null;
  error_message: string | null;
  queued_ms: number | null;
  model_load_ms: number | null;
  inference_ms: number | null;
  store_ms: number | null;
  finished_at: ColumnType<Date | null, never, never>;
  deleted_at: ColumnType<Date | null, never, never>;
  steps_run: Generated<number>;
  gpu_ms: Generated<number>;
  attempt_steps: Generated<number>;
  attempt_gpu_ms: Generated<number>;
  checkpoint: ColumnType<Checkpoint | null, never, string>;
  evidence: ColumnType<EvidenceDetail[], never, never>;
  redrive_of: string | null;
  webhook_url: string | null;
  truncated: ColumnType<Truncation[], never, never>;
  idempotency_meaning: string | null;
};

/** One row a webhook that is due or was; told in `migrations/0004-webhooks.ts`. */
type WebhooksTable = {
  generation_id: ColumnType<string, never, never>;
  tenant: ColumnType<string, never, never>;
  url: ColumnType<string, never, never>;
  state: ColumnType<'pending' | 'delivered' | 'failed', never>;
  attempts: ColumnType<number, never, never>;
  next_at: Clock;
  last_status: number | null;
  last_error: string | null;
};

/** One row a worker that is there or was; told in `migrations/0002-runs.ts`. */
type WorkersTable = {
  worker: string;
  models: ColumnType<string[], never, never>;
  state: ColumnType<WorkerState, never, never>;
  crashes: ColumnType<number, never, never>;
  started_at: Clock;
  seen_at: Clock;
};

/** One row an upload; told in `migrations/0006-uploads.ts`. */
type UploadsTable = {
  tenant: string;
  sha256: string;
  stored: boolean;
  used_at: Clock;
  deleted_at: ColumnType<Date | null, never, never>;
};

export type Schema = {
  generations: GenerationsTable;
  workers: WorkersTable;
  webhooks: WebhooksTable;
  uploads: UploadsTable;
};

export type Database = Kysely<Schema>;
