import { expect, it } from 'vitest';
import { interpolateAt, linspace, roundHalfToEven } from './numpy.ts';

it.each([
  [0.5, 0],
  [1.5, 2],
  [2.5, 2],
  [-0.5, 0],
  [-1.5, -2],
  [-2.5, -2],
  [2.4999, 2],
  [2.5001, 3],
  [7, 7],
])('rounds %d to %d, halves to even', (value, rounded) => {
  expect(roundHalfToEven(value) + 0).toBe(rounded);
});

it('spaces values evenly and ends on the last exactly', () => {
  expect([...linspace(0, 1, 5)]).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(linspace(0, 0.3, 4).at(-1)).toBe(0.3);
  expect([...linspace(3, 9, 1)]).toEqual([3]);
});

it('interpolates between neighbours and holds the ends', () => {
  const values = Float32Array.of(1, 3, 4);
  expect([-1, 0, 0.5, 1, 1.5, 2, 9].map((x) => interpolateAt(x, values))).toEqual([
    1, 1, 2, 3, 3.5, 4, 4,
  ]);
});
