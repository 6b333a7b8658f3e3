import { createProbes, type Logger, type Probes } from '@darkroom/lifecycle';
import type { FrontendServices } from './services.ts';

/** Without broker or storage requests are still taken: the sweep publishes them later. */
export const createFrontendProbes = ({
  store,
  broker,
  objects,
  logger,
}: Pick<FrontendServices, 'store' | 'broker' | 'objects'> & { logger: Logger }): Probes =>
  createProbes(
    {
      database: () => store.check(),
      broker: { check: () => broker.isReady(), required: false },
      storage: { check: () => objects.check(), required: false },
    },
    { logger },
  );
