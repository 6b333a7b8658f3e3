import type { Accept } from '../../accept/accept.ts';
import type { SystemStatus } from '../../accept/status.ts';
import { procedures, router } from '../trpc.ts';

export const systemRouter = (accept: Pick<Accept, 'status'>) =>
  router({
    /** How the service is; answers whatever is broken behind it. */
    status: procedures.system.query((): Promise<SystemStatus> => accept.status()),
  });
