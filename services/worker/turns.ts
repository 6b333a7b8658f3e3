/**
 * Runs tasks in the order they came, `slots` of them at a time; a task that fails does not hold up
 * the next.
 */
export type Turns = <T>(task: () => Promise<T>) => Promise<T>;

export function createTurns(slots = 1): Turns {
  const waiting: (() => void)[] = [];
  let free = slots;
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // The slot goes on to who waits longest, so that nobody who comes meanwhile gets it first.
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
