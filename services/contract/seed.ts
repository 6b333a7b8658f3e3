import { z } from 'zod';

/**
 * 0 to 2^64-1, the seeds that torch takes. A number while it is a safe integer; a decimal string
 * beyond, because JSON numbers lose digits there.
 */
export type Seed = number | string;

const COUNT = 2n ** 64n;

const RULE =
  `must be a whole number from 0 to ${COUNT - 1n}, or -1 for a random one; ` +
  `write one above ${Number.MAX_SAFE_INTEGER} as a string`;

/** Decimal digits without a sign; 20 of them hold every seed. */
const DIGITS = /^\d{1,20}$/;

/** A seed in its one notation: equal seeds are equal values. */
export const toSeed = (value: bigint): Seed =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);

/** What a caller wrote, `'random'` for -1; undefined where it is no seed. */
function readSeed(value: number | string): Seed | 'random' | undefined {
  if (value === -1 || value === '-1') return 'random';
  const isWhole = typeof value === 'number' ? Number.isSafeInteger(value) : DIGITS.test(value);
  if (!isWhole) return undefined;
  const exact = BigInt(value);
  return exact >= 0n && exact < COUNT ? toSeed(exact) : undefined;
}

/** A seed as records and answers hold it. */
export const seed = z.union([z.int(), z.string().regex(DIGITS)]);

/** A seed as callers write it: a number or a decimal string; -1 becomes undefined, as when absent. */
export const seedInput = z
  .union([z.number(), z.string()], RULE)
  .refine((value) => readSeed(value) !== undefined, RULE)
  .transform((value): Seed | undefined => {
    const read = readSeed(value);
    return read === 'random' ? undefined : read;
  });

/** The seed of picture `index` of a request: one more for each picture, 0 after 2^64-1. */
export const seedAt = (first: Seed, index: number): Seed =>
  toSeed((BigInt(first) + BigInt(index)) % COUNT);
