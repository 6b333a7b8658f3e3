import type { ModelEntry } from '@darkroom/contract';
import { procedures, router } from '../trpc.ts';
import type { RouterServices } from './services.ts';

export const modelsRouter = ({ catalogue }: Pick<RouterServices, 'catalogue'>) =>
  router({
    /** Every model that may be asked for, with its limits and defaults. */
    list: procedures.open.query((): ModelEntry[] => catalogue.models),
  });
