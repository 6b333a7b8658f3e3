export type TimeLimit = {
  ms: number;
  /** The error when `ms` have passed. */
  late: () => Error;
  /** Ends the wait early, with its reason. */
  signal?: AbortSignal | undefined;
};

/**
 * Waits for a promise no longer than it may take. What it stands for goes on: this ends the wait alone.
 * @throws what the promise rejects with, `late()`, or the reason of the signal: whichever comes first
 */
export async function withTimeLimit<T>(promise: Promise<T>, limit: TimeLimit): Promise<T> {
  const { ms, late, signal } = limit;
  const wait = Promise.withResolvers<T>();
  const abort = () => wait.reject(signal?.reason);
  const timer = setTimeout(() => wait.reject(late()), ms);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  promise.then(wait.resolve, wait.reject);
  try {
    return await wait.promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
