/**
 * Runs tasks in the order they came, `slots` of them at a time; a task that fails does not hold up
 * the next.
 */
export type Turns = {
  /** @param options.alone the task takes all slots: it waits for those before it, and those after wait */
  <T>(task: () => Promise<T>, options?: { alone?: boolean }): Promise<T>;
  /** From now on nobody waits: all tasks begin at once. */
  end(): void;
};

export function createTurns(slots = 1): Turns {
  const waiting: { needs: number; begin: () => void }[] = [];
  let free = slots;
  /** Nobody goes ahead of who waits longest, however little they need. */
  const admit = () => {
    for (;;) {
      const [next] = waiting;
      if (next === undefined || next.needs > free) return;
      waiting.shift();
      free -= next.needs;
      next.begin();
    }
  };
  const inTurn = async <T>(task: () => Promise<T>, { alone = false } = {}): Promise<T> => {
    const needs = alone ? slots : 1;
    await new Promise<void>((begin) => {
      waiting.push({ needs, begin });
      admit();
    });
    try {
      return await task();
    } finally {
      free += needs;
      admit();
    }
  };
  const end = () => {
    free = Number.POSITIVE_INFINITY;
    admit();
  };
  return Object.assign(inTurn, { end });
}
