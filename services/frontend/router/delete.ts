import { DarkroomError } from '@darkroom/contract';
import type { RequestContext } from '../context.ts';
import { found } from '../present.ts';
import { removeObjects } from '../retention.ts';
import type { RouterServices } from './services.ts';

/**
 * Deletes a finished generation: nobody sees it from now on, its pictures are removed at once, and
 * its record goes when nothing can be stored for it any more.
 *
 * @throws DarkroomError `conflict` while it is queued or running, `not-found`
 */
export async function deleteGeneration(
  id: string,
  { tenant, log }: Pick<RequestContext, 'tenant' | 'log'>,
  { store, objects }: Pick<RouterServices, 'store' | 'objects'>,
): Promise<{ id: string }> {
  if (!(await store.hide(tenant, id))) {
    const { state } = found(id, await store.get(tenant, id));
    throw new DarkroomError(
      'conflict',
      `generation ${id} is ${state}; cancel it and delete it when it has ended`,
    );
  }
  try {
    await removeObjects({ tenant, id }, objects);
  } catch (error) {
    log.warn({ err: error, generationId: id }, 'hidden; its pictures are removed later');
  }
  return { id };
}
