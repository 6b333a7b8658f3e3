import { describe, expect, it } from 'vitest';
import { seed, seedAt, seedInput } from './seed.ts';

describe('a seed', () => {
  it.each([
    [0, 0],
    [2 ** 53 - 1, 2 ** 53 - 1],
    ['7', 7],
    ['007', 7],
    ['9007199254740991', 2 ** 53 - 1],
    ['9007199254740992', '9007199254740992'],
    ['18446744073709551615', '18446744073709551615'],
  ])('%j is kept as %j: a number while that is exact', (given, kept) => {
    expect(seedInput.parse(given)).toBe(kept);
    expect(seed.parse(kept)).toBe(kept);
  });

  it.each([-1, '-1'])('of %j is as none: one is drawn', (given) => {
    expect(seedInput.optional().parse(given)).toBeUndefined();
  });
});

describe('the seeds of the pictures', () => {
  it.each([
    [7, 2, 9],
    [2 ** 32 - 1, 1, 2 ** 32],
    [2 ** 53 - 1, 1, '9007199254740992'],
    ['18446744073709551614', 1, '18446744073709551615'],
    ['18446744073709551615', 1, 0],
  ])('count on from %j: picture %i has %j', (first, index, expected) => {
    expect(seedAt(first, index)).toBe(expected);
  });
});
