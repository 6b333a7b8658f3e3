import type { EvidenceDetail, Receipt } from '@darkroom/contract';
import { type Selectable, sql } from 'kysely';
import type { GenerationRecord } from '../record.ts';
import type { Schema } from './schema.ts';

/** What a record is made of; the idempotency key and the lease stay inside the store. */
export const recordColumns = [
  'id',
  'tenant',
  'request',
  'traceparent',
  'deadline',
  'created_at',
  'queued_at',
  'state',
  'revision',
  'published',
  'attempt',
  'cancel_requested',
  'step',
  'steps',
  'images',
  'error_code',
  'error_message',
  'queued_ms',
  'model_load_ms',
  'inference_ms',
  'store_ms',
  'finished_at',
  'steps_run',
  'gpu_ms',
  'attempt_steps',
  'attempt_gpu_ms',
  'checkpoint',
  'evidence',
  'redrive_of',
  'truncated',
] as const satisfies (keyof Schema['generations'])[];

export type RecordRow = Pick<Selectable<Schema['generations']>, (typeof recordColumns)[number]>;

/** The same columns of `generations` for statements written by hand. */
export const recordColumnList = sql.join(
  recordColumns.map((column) => sql.ref(`generations.${column}`)),
);

/** Postgres writes times in JSON in a format of its own. */
export const toEvidence = (entries: readonly EvidenceDetail[]): EvidenceDetail[] =>
  entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() }));

export const toRecord = (row: RecordRow): GenerationRecord => ({
  id: row.id,
  tenant: row.tenant,
  request: row.request,
  traceparent: row.traceparent,
  deadline: row.deadline?.toISOString() ?? null,
  createdAt: row.created_at.toISOString(),
  queuedAt: row.queued_at.toISOString(),
  state: row.state,
  revision: row.revision,
  published: row.published,
  attempt: row.attempt,
  cancelRequested: row.cancel_requested,
  progress: { step: row.step, steps: row.steps },
  images: row.images,
  error:
    row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' },
  timings: {
    queuedMs: row.queued_ms,
    modelLoadMs: row.model_load_ms,
    inferenceMs: row.inference_ms,
    storeMs: row.store_ms,
  },
  finishedAt: row.finished_at?.toISOString() ?? null,
  receipt: row.state === 'canceled' ? toReceipt(row) : null,
  evidence: toEvidence(row.evidence),
  redriveOf: row.redrive_of,
  truncated: row.truncated,
  checkpoint: row.checkpoint,
});

function toReceipt(row: RecordRow): Receipt {
  const stepsRun = row.steps_run + row.attempt_steps;
  const gpuMs = row.gpu_ms + row.attempt_gpu_ms;
  const stepsSpared = Math.max(row.steps - row.step, 0);
  const gpuMsSpared = stepsRun === 0 ? null : (gpuMs / stepsRun) * stepsSpared;
  return { stepsRun, stepsSpared, gpuMs, gpuMsSpared };
}
