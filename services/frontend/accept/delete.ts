import { DarkroomError } from '@darkroom/contract';
import { removeObjects } from '../background/retention.ts';
import type { GenerationId } from './inputs.ts';
import { found } from './present.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

/**
 * Deletes a finished generation: nobody sees it from now on, its pictures are removed at once, and
 * its record goes when nothing can be stored for it any more.
 *
 * @throws DarkroomError `conflict` while it is queued or running, `not-found`
 */
export async function deleteGeneration(
  { id }: GenerationId,
  { tenant, log }: Pick<Requester, 'tenant' | 'log'>,
  { store, objects }: Pick<AcceptServices, 'store' | 'objects'>,
): Promise<{ id: string }> {
  if (!(await store.hide(tenant, id))) {
    const { state } = found(id, await store.get(tenant, id));
    throw new DarkroomError(
      'conflict',
      `generation ${id} is ${state}; cancel it and delete it when it has ended`,
    );
  }
  try {
    await removeObjects([{ tenant, id }], objects);
  } catch (error) {
    log.warn({ err: error, generationId: id }, 'hidden; its pictures are removed later');
  }
  return { id };
}
