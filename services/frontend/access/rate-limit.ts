import { DarkroomError } from '@darkroom/contract';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import type { Callers } from './callers.ts';

const WINDOW_S = 60;

/** Counts each tenant's calls, in this replica alone: behind n replicas a tenant has up to n times as many. */
export function createRateLimit({ limitsOf }: Pick<Callers, 'limitsOf'>) {
  const limiters = new Map<number, RateLimiterMemory>();
  const limiterOf = (points: number) => {
    const limiter = limiters.get(points) ?? new RateLimiterMemory({ points, duration: WINDOW_S });
    limiters.set(points, limiter);
    return limiter;
  };
  return {
    /** @throws DarkroomError `too-many`, with the time until the minute is over */
    async count(tenant: string, calls: number): Promise<void> {
      const limits = limitsOf(tenant);
      if (limits === undefined) return;
      const { requestsPerMinute } = limits;
      try {
        await limiterOf(requestsPerMinute).consume(tenant, calls);
      } catch (refusal) {
        if (refusal instanceof Error) throw refusal;
        const retryAfterS = (refusal as RateLimiterRes).msBeforeNext / 1e3;
        throw new DarkroomError(
          'too-many',
          `more than ${requestsPerMinute} calls a minute; watch a generation rather than asking for it again and again`,
          { retryAfterS },
        );
      }
    },
  };
}
