import type { ServerResponse } from 'node:http';
import { DarkroomError } from '@darkroom/contract';
import type { Callers } from '../access/callers.ts';

/** Watches at most in one replica: each holds a connection and a timer. */
const REPLICA_LIMIT = 5_000;

/** Bounds the watches that are open at once, by tenant and altogether. */
export function createWatchPlaces({ limitsOf }: Pick<Callers, 'limitsOf'>, limit = REPLICA_LIMIT) {
  const open = new Map<string, number>();
  let all = 0;
  return {
    /**
     * Takes a place until the answer's connection closes.
     * @throws DarkroomError `too-many` or `unavailable`
     */
    take(tenant: string, answer: Pick<ServerResponse, 'once'>): void {
      const own = open.get(tenant) ?? 0;
      const allowed = limitsOf(tenant)?.watches;
      if (allowed !== undefined && own >= allowed) {
        throw new DarkroomError(
          'too-many',
          `${own} watches are open, at most ${allowed} are allowed; end one, or ask with generations.get`,
        );
      }
      if (all >= limit) {
        throw new DarkroomError(
          'unavailable',
          'no more watches fit in this replica; try again, or ask with generations.get',
          { expose: true },
        );
      }
      all += 1;
      open.set(tenant, own + 1);
      answer.once('close', () => {
        all -= 1;
        const left = (open.get(tenant) ?? 1) - 1;
        if (left === 0) open.delete(tenant);
        else open.set(tenant, left);
      });
    },
  };
}
