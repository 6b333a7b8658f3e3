import { router } from '../trpc.ts';
import { generationsRouter } from './generations.ts';
import { modelsRouter } from './models.ts';
import type { RouterServices } from './services.ts';
import { systemRouter } from './system.ts';

/** Everything that callers may ask, by namespace. */
export const createRouter = (services: RouterServices) =>
  router({
    generations: generationsRouter(services),
    models: modelsRouter(services),
    system: systemRouter(services),
  });

/** What a typed client is made from. */
export type AppRouter = ReturnType<typeof createRouter>;
