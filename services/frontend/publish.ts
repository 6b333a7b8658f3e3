import type { FrontendStore, GenerationRecord } from '@darkroom/generations';
import type { Broker } from '@darkroom/messaging';

/**
 * Puts a queued record on its model's queue, then marks it published. A crash or error between the
 * two leaves it for the sweep.
 *
 * @throws DarkroomError `unavailable`
 */
export async function publishRecord(
  record: GenerationRecord,
  { store, broker }: { store: FrontendStore; broker: Broker },
): Promise<void> {
  await broker.publishJob({
    version: 1,
    generationId: record.id,
    revision: record.revision,
    model: record.request.model,
    ...(record.traceparent !== null && { traceparent: record.traceparent }),
  });
  await store.markPublished(record.id, record.revision);
}
