import type { EvidenceDetail } from '@darkroom/contract';
import type { Accept } from '../../accept/accept.ts';
import { generationId } from '../../accept/inputs.ts';
import type { SystemStatus } from '../../accept/status.ts';
import { procedures, router } from '../trpc.ts';

export const systemRouter = (accept: Pick<Accept, 'status' | 'evidence'>) =>
  router({
    /** How the service is; answers whatever is broken behind it. */
    status: procedures.system.query((): Promise<SystemStatus> => accept.status()),

    /** Why attempts at a generation of any tenant were lost: worker, host and last words. */
    evidence: procedures.system
      .input(generationId)
      .query(({ input }): Promise<EvidenceDetail[]> => accept.evidence(input)),
  });
