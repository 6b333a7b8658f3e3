import { DarkroomError, fileNameOf, type Generation, type Waiting } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';

/** A record as callers see it, and where they asked for it, why it waits. */
export const toGeneration = (
  record: GenerationRecord,
  waiting: Waiting | null = null,
): Generation => ({
  id: record.id,
  state: record.state,
  request: record.request,
  progress: record.progress,
  attempt: record.attempt,
  images: record.images.map((image) => ({
    url: `/images/${record.id}/${fileNameOf(image.key)}`,
    sha256: image.sha256,
    width: image.width,
    height: image.height,
    seed: image.seed,
    ...(image.provider !== undefined && { provider: image.provider }),
  })),
  error: record.error,
  timings: record.timings,
  truncated: record.truncated,
  createdAt: record.createdAt,
  finishedAt: record.finishedAt,
  cancelRequested: record.cancelRequested,
  waiting,
  receipt: record.receipt,
  // Where and of what an engine died is for operators: `system.evidence`.
  evidence: record.evidence.map(({ attempt, at, cause }) => ({ attempt, at, cause })),
  redriveOf: record.redriveOf,
});

/** @throws DarkroomError `not-found`, for what belongs to another tenant as for what never was */
export function found(id: string, record: GenerationRecord | undefined): GenerationRecord {
  if (record !== undefined) return record;
  throw new DarkroomError('not-found', `there is no generation ${id}; generations.list has yours`);
}
