/** How long something was at work in all, the work of this moment included. */
export type BusyTime = {
  /** In milliseconds. */
  ms(): number;
  /** Under way at this moment. */
  tasks(): number;
  /** Counts until the task has settled; while several are under way, once. */
  during<T>(task: () => Promise<T>): Promise<T>;
};

export function createBusyTime(): BusyTime {
  let endedMs = 0;
  let since = 0;
  let tasks = 0;
  const ms = () => endedMs + (tasks === 0 ? 0 : performance.now() - since);
  return {
    ms,
    tasks: () => tasks,
    during: async (task) => {
      if (tasks === 0) since = performance.now();
      tasks += 1;
      try {
        return await task();
      } finally {
        if (tasks === 1) endedMs = ms();
        tasks -= 1;
      }
    },
  };
}
