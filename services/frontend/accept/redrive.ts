import { DarkroomError, findModel, type Generation, resolveRequest } from '@darkroom/contract';
import { acceptRequest } from './create.ts';
import type { RedriveInput } from './inputs.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

/**
 * Makes a new generation of the request of one that failed or was canceled: the same model, prompt
 * and seed, so the same pictures. The old one stays as it ended, and the new one names it. A deadline
 * and a webhook are not taken over.
 *
 * @throws DarkroomError `not-found`, `conflict` (not ended, or succeeded), or as `create`
 */
export async function redriveGeneration(
  { id, idempotencyKey }: RedriveInput,
  requester: Requester,
  services: AcceptServices,
): Promise<Generation> {
  const old = await services.store.get(requester.tenant, id);
  if (old === undefined) {
    const text = `there is no generation ${id}; generations.list has yours`;
    throw new DarkroomError('not-found', text);
  }
  if (old.state === 'succeeded') {
    const text = `generation ${id} has succeeded: its pictures are there. Create a new one for others.`;
    throw new DarkroomError('conflict', text);
  }
  if (old.state === 'queued' || old.state === 'running') {
    const text = `generation ${id} is ${old.state} and may still succeed. Wait for its end, or cancel it first.`;
    throw new DarkroomError('conflict', text);
  }
  // The catalogue may have changed since.
  const model = findModel(services.catalogue, old.request.model);
  const request = resolveRequest(old.request, model, old.request.seed);
  const idempotency =
    idempotencyKey === undefined
      ? undefined
      : { key: idempotencyKey, fingerprint: `redrive of ${id}` };
  return await acceptRequest({ request, redriveOf: id, idempotency }, model, requester, services);
}
