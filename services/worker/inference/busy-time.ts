/** How long something was at work in all, the work of this moment included. */
export type BusyTime = {
  /** In milliseconds. */
  ms(): number;
  /** Counts until the task has settled; one task at a time. */
  during<T>(task: () => Promise<T>): Promise<T>;
};

export function createBusyTime(): BusyTime {
  let endedMs = 0;
  let since: number | undefined;
  const ms = () => endedMs + (since === undefined ? 0 : performance.now() - since);
  return {
    ms,
    during: async (task) => {
      since = performance.now();
      try {
        return await task();
      } finally {
        endedMs = ms();
        since = undefined;
      }
    },
  };
}
