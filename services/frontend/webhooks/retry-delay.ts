/** Attempts at most; with the delays between them they spread over a day. */
export const MAX_TRIES = 8;

const FIRST_MS = 5_000;
const FACTOR = 6;
const LONGEST_MS = 12 * 3_600_000;

/**
 * How long to wait after the attempt of that number, from 1, in milliseconds: 5 s, 30 s, 3 min, 18
 * min, 1.8 h, 10.8 h, 12 h, each up to a quarter less or more, so that receivers that come back are
 * not asked by all at once.
 */
export const retryDelay = (attempt: number, random = Math.random()): number =>
  Math.min(FIRST_MS * FACTOR ** (attempt - 1), LONGEST_MS) * (0.75 + random / 2);
