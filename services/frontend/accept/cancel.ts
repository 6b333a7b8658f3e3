import type { Generation } from '@darkroom/contract';
import type { GenerationId } from './inputs.ts';
import { found, toGeneration } from './present.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

/** @throws DarkroomError `not-found`, `unavailable` */
export async function cancelGeneration(
  { id }: GenerationId,
  { tenant }: Pick<Requester, 'tenant'>,
  { store, broker }: Pick<AcceptServices, 'store' | 'broker'>,
): Promise<Generation> {
  const record = found(id, await store.requestCancel(tenant, id));
  const { id: generationId, revision, state } = record;
  if (state === 'running') {
    broker.publishEvent({ version: 1, type: 'cancel', generationId, revision });
  } else {
    broker.publishEvent({ version: 1, type: 'state', generationId, revision, state });
  }
  return toGeneration(record);
}
