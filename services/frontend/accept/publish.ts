import { jobMessageOf } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import type { Broker } from '@darkroom/messaging';

/**
 * Puts a queued record on its model's queue. Whoever does so marks it published next; a crash or
 * error before leaves it for the sweep, which publishes it once more, and the claim refuses one.
 *
 * @throws DarkroomError `unavailable`
 */
export async function publishRecord(record: GenerationRecord, broker: Broker): Promise<void> {
  await broker.publishJob(jobMessageOf(record));
}
