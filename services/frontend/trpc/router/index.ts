import type { Accept } from '../../accept/accept.ts';
import { router } from '../trpc.ts';
import { generationsRouter } from './generations.ts';
import { modelsRouter } from './models.ts';
import { systemRouter } from './system.ts';

/** Everything that callers may ask, by namespace. */
export const createRouter = (accept: Accept) =>
  router({
    generations: generationsRouter(accept),
    models: modelsRouter(accept),
    system: systemRouter(accept),
  });

/** What a typed client is made from. */
export type AppRouter = ReturnType<typeof createRouter>;
