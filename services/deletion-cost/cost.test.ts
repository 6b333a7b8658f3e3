import { expect, it } from 'vitest';
import { costOf } from './cost.ts';

const busy = (stepsLeft: number) => costOf({ worker: 'w', jobs: 1, stepsLeft });

it('is lowest for a worker that nobody knows, then for an idle one', () => {
  expect(costOf(undefined)).toBe(-1);
  expect(costOf({ worker: 'w', jobs: 0, stepsLeft: 0 })).toBe(0);
  expect(busy(0)).toBe(1);
});

it('grows with what is left to do, in a few steps, and stays an int32', () => {
  const steps = [0, 1, 3, 20, 150, 2_400, 100_000, 2 ** 32 - 1];
  const costs = steps.map(busy);
  expect(costs).toEqual(costs.toSorted((a, b) => a - b));
  expect(costs).toEqual([1, 2, 3, 6, 9, 13, 18, 33]);
  expect(new Set(Array.from({ length: 20 }, (_, step) => busy(20 - step))).size).toBe(5);
});
