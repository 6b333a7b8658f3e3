import { DarkroomError } from '@darkroom/contract';
import { withTimeLimit } from '@darkroom/timing';

/** How long the broker may take to declare a queue, and to confirm a publish. */
export const ANSWER_TIMEOUT_MS = 5_000;
export const inTime = `within ${ANSWER_TIMEOUT_MS / 1_000} s`;

export const unavailable = (what: string): DarkroomError =>
  new DarkroomError('unavailable', `RabbitMQ ${what}; the sweep tries again when that is over`);

/**
 * A quorum queue without a leader, for one, leaves its declaration unanswered.
 * @throws DarkroomError `unavailable`, with the problem, when no answer comes in time
 */
export async function answered<T>(request: Promise<T>, problem: string): Promise<T> {
  const late = () => unavailable(problem);
  return await withTimeLimit(request, { ms: ANSWER_TIMEOUT_MS, late });
}
