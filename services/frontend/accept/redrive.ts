import {
  checkRequest,
  DarkroomError,
  findModel,
  type Generation,
  type ModelEntry,
} from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { acceptRequest } from './create.ts';
import type { RedriveInput } from './inputs.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';
import { useUploads } from './uploads.ts';

/**
 * Makes a new generation of the request of one that failed or was canceled, as it was recorded: its
 * seed and what were the model's defaults then included, so the same pictures. The old one stays as it
 * ended, and the new one names it. A deadline and a webhook are not taken over.
 *
 * @throws DarkroomError `not-found`, `conflict` (not ended, succeeded, or beyond today's limits), or
 * as `create`
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
  const model = modelToRepeat(old, services);
  const request = await useUploads(old.request, requester, services);
  const idempotency =
    idempotencyKey === undefined
      ? undefined
      : { key: idempotencyKey, fingerprint: `redrive of ${id}` };
  return await acceptRequest({ request, redriveOf: id, idempotency }, model, requester, services);
}

/**
 * The model of a recorded request, which may have been taken from the catalogue or limited since.
 *
 * @throws DarkroomError `conflict`
 */
function modelToRepeat(
  { id, request }: GenerationRecord,
  { catalogue }: AcceptServices,
): ModelEntry {
  try {
    const model = findModel(catalogue, request.model);
    checkRequest(request, model);
    return model;
  } catch (error) {
    if (!(error instanceof DarkroomError)) throw error;
    const text = `the request of generation ${id} is no longer allowed: ${error.message}. Create a new one within the limits.`;
    throw new DarkroomError('conflict', text, { cause: error });
  }
}
