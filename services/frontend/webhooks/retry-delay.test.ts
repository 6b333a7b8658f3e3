import { expect, it } from 'vitest';
import { MAX_TRIES, retryDelay } from './retry-delay.ts';

const delays = (random: number) =>
  Array.from({ length: MAX_TRIES - 1 }, (_, index) => retryDelay(index + 1, 0, random) / 1_000);

const HOUR = 3_600;

it('begins with seconds and ends with half a day', () => {
  expect(delays(0.5)).toEqual([5, 30, 180, 1_080, 6_480, 38_880, 43_200]);
});

it('spreads eight tries over about a day, however the dice fall', () => {
  const total = (random: number) => delays(random).reduce((sum, delay) => sum + delay) / HOUR;
  expect(total(0)).toBeGreaterThan(18);
  expect(total(1)).toBeLessThan(32);
});

it.each([
  ['a longer time than its own is kept', 1, 60_000, 60_000],
  ['a shorter time than its own is not', 3, 1_000, 180_000],
  ['no time beyond 12 hours is', 1, 1e12, 12 * HOUR * 1_000],
])('of what the receiver asks for, %s', (_, attempt, askedMs, least) => {
  const delays = [0, 0.5, 1].map((random) => retryDelay(attempt, askedMs, random));
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(least * 0.75);
  expect(delays[1]).toBeGreaterThanOrEqual(least);
  expect(Math.max(...delays)).toBeLessThanOrEqual(least * 1.25);
});

it('differs from one notice to the next', () => {
  expect(new Set(Array.from({ length: 20 }, () => retryDelay(3))).size).toBeGreaterThan(1);
});
