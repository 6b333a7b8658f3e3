/**
 * Runs tasks in the order they came, `slots` of them at a time; a task that fails does not hold up
 * the next.
 */
export type Turns = {
  <T>(task: () => Promise<T>): Promise<T>;
  /** From now on nobody waits: all tasks begin at once. */
  end(): void;
};

export function createTurns(slots = 1): Turns {
  const waiting: (() => void)[] = [];
  let free = slots;
  const inTurn = async <T>(task: () => Promise<T>): Promise<T> => {
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
  const end = () => {
    free = Number.POSITIVE_INFINITY;
    for (const begin of waiting.splice(0)) begin();
  };
  return Object.assign(inTurn, { end });
}
