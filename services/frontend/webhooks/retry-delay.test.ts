import { expect, it } from 'vitest';
import { MAX_TRIES, retryDelay } from './retry-delay.ts';

const delays = (random: number) =>
  Array.from({ length: MAX_TRIES - 1 }, (_, index) => retryDelay(index + 1, random) / 1_000);

const HOUR = 3_600;

it('begins with seconds and ends with half a day', () => {
  expect(delays(0.5)).toEqual([5, 30, 180, 1_080, 6_480, 38_880, 43_200]);
});

it('spreads eight tries over about a day, however the dice fall', () => {
  const total = (random: number) => delays(random).reduce((sum, delay) => sum + delay) / HOUR;
  expect(total(0)).toBeGreaterThan(18);
  expect(total(1)).toBeLessThan(32);
});

it('differs from one notice to the next', () => {
  expect(new Set(Array.from({ length: 20 }, () => retryDelay(3))).size).toBeGreaterThan(1);
});
