import {
  DarkroomError,
  findModel,
  type Generation,
  generationInput,
  inputObject,
  resolveRequest,
} from '@darkroom/contract';
import { z } from 'zod';
import { acceptRequest } from '../create-generation.ts';
import { procedures } from '../trpc.ts';
import type { RouterServices } from './services.ts';

const redriveInput = inputObject({
  id: z.uuid(),
  /** Repeating a redrive with the same key returns the same generation. */
  idempotencyKey: generationInput.shape.idempotencyKey,
});

/**
 * Makes a new generation of the request of one that failed or was canceled: the same model, prompt
 * and seed, so the same pictures. The old one stays as it ended, and the new one names it. A deadline
 * and a webhook are not taken over.
 *
 * @throws DarkroomError `not-found`, `conflict` (not ended, or succeeded), or as `create`
 */
export const redriveProcedure = (services: RouterServices) =>
  procedures.write.input(redriveInput).mutation(async ({ input, ctx }): Promise<Generation> => {
    const { id, idempotencyKey } = input;
    const old = await services.store.get(ctx.tenant, id);
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
    return await acceptRequest({ request, redriveOf: id, idempotency }, model, ctx, services);
  });
