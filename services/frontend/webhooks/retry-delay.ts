import { type Growth, grownDelay } from '@darkroom/timing';

/** Attempts at most. The delays between them spread them over about a day. */
export const MAX_TRIES = 8;

const GROWTH: Growth = { firstMs: 5_000, factor: 6, longestMs: 12 * 3_600_000 };

/**
 * How long to wait after an attempt, in milliseconds: 5 s, 30 s, 3 min, 18 min, 1.8 h, 10.8 h, 12 h,
 * each up to a quarter shorter or longer, so that a receiver that comes back does not get all notices
 * at once. A receiver that asks for more time gets it, up to 12 hours and a quarter.
 *
 * @param attempt the number of the attempt, from 1
 * @param askedMs what the receiver's `Retry-After` asks for
 */
export function retryDelay(attempt: number, askedMs = 0, random = Math.random()): number {
  const backoff = grownDelay(attempt, GROWTH) * (0.75 + random / 2);
  const asked = Math.min(askedMs, GROWTH.longestMs) * (1 + random / 4);
  return Math.max(backoff, asked);
}
