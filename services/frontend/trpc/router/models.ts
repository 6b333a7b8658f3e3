import type { ModelEntry } from '@darkroom/contract';
import type { Accept } from '../../accept/accept.ts';
import { procedures, router } from '../trpc.ts';

export const modelsRouter = (accept: Pick<Accept, 'models'>) =>
  router({
    /** Every model that may be asked for, with its limits and defaults. */
    list: procedures.open.query((): ModelEntry[] => accept.models()),
  });
