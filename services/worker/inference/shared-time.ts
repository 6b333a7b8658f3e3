/** Time as each of several that share something gets it: while n share it, it passes at 1 ÷ n. */
export type SharedTime = {
  /**
   * In milliseconds, from any beginning; what one got is the difference of two readings. Read it
   * before each change of the number that share.
   */
  ms(): number;
};

/** @param sharers how many share at this moment */
export function createSharedTime(
  sharers: () => number,
  now: () => number = () => performance.now(),
): SharedTime {
  let passed = 0;
  let readAt = now();
  return {
    ms: () => {
      const at = now();
      passed += (at - readAt) / Math.max(1, sharers());
      readAt = at;
      return passed;
    },
  };
}
