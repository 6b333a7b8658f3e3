import type { ModelCatalogue } from '@darkroom/contract';
import type { FrontendStore } from '@darkroom/generations';
import type { ProbeRoutes } from '@darkroom/lifecycle';
import { demandOf, loadsOf } from '../admission/demand.ts';
import { createFreshLook } from '../admission/fresh-look.ts';
import type { QueueViews } from '../admission/queue-views.ts';

/**
 * Tells those who scale workers what there is to do and who does it, without a key: for the port of
 * the probes, which callers do not reach.
 *
 * - `GET /scaling/models/NAME`: a `Demand`; 404 for a model that is not in the catalogue.
 * - `GET /scaling/workers`: `{ workers: Load[] }`.
 *
 * Either answers 503 while the record cannot be read, so that an autoscaler leaves what runs.
 */
export function scalingRoutes(services: {
  catalogue: ModelCatalogue;
  queues: Pick<QueueViews, 'read'>;
  store: Pick<FrontendStore, 'workers' | 'workerLoads'>;
}): ProbeRoutes {
  const { catalogue, queues, store } = services;
  const known = catalogue.models.map(({ name }) => name);
  const loads = createFreshLook(async () => {
    const [workers, held] = await Promise.all([store.workers(), store.workerLoads()]);
    return loadsOf(workers, held);
  });

  const demand = async (model: string) => {
    if (!known.includes(model)) {
      const message = `the catalogue has no model ${JSON.stringify(model)}, it has ${known.join(', ')}`;
      return { status: 404, body: { message } };
    }
    const standing = await queues.read();
    return { status: 200, body: demandOf(model, standing.queues.get(model)) };
  };

  return {
    paths: ['/scaling/models/NAME', '/scaling/workers'],
    answer: async (path) => {
      const model = /^\/scaling\/models\/([^/]+)$/.exec(path)?.[1];
      try {
        if (model !== undefined) return await demand(model);
        if (path !== '/scaling/workers') return undefined;
        return { status: 200, body: { workers: await loads.read() } };
      } catch {
        // Why, the probe of the database logs.
        const message = 'the record cannot be read now; /readyz and the log tell more';
        return { status: 503, body: { message } };
      }
    },
  };
}
