import { DarkroomError } from '@darkroom/contract';
import { retryWhile } from '@darkroom/timing';
import { lacksTables } from '../sql/errors.ts';

/** How long a start waits for a database that is not ready for it, and who is told. */
export type Patience = {
  /** In milliseconds. */
  forMs: number;
  /** Called once, with the first failure. */
  onWait: (error: DarkroomError) => void;
};

/**
 * Tries again while the database does not answer or lacks tables: a pod's first connections are refused
 * until its network policies are in force, and a worker may start before the first frontend has made the
 * tables. What only a person mends, such as a wrong password, is thrown at once.
 */
export async function patiently<T>(
  patience: Patience | undefined,
  task: () => Promise<T>,
): Promise<T> {
  if (patience === undefined) return await task();
  const { forMs, onWait } = patience;
  const giveUpAt = performance.now() + forMs;
  let told = false;
  return await retryWhile((error) => {
    if (!(error instanceof DarkroomError)) return false;
    if (error.kind !== 'unavailable' && !lacksTables(error)) return false;
    if (!told) onWait(error);
    told = true;
    return performance.now() < giveUpAt;
  }, task);
}
