import { z } from 'zod';

/** As much as is read of the frontend's answer; later releases may tell more. */
const answer = z.object({
  workers: z.array(z.object({ worker: z.string(), jobs: z.int(), stepsLeft: z.int().min(0) })),
});

/** What a worker has in hand. */
export type Load = z.output<typeof answer>['workers'][number];

/** In milliseconds. */
const LIMIT_MS = 5_000;

/**
 * Asks a frontend what each worker has in hand, by the worker's name.
 * @throws Error when it does not answer within 5 s, or otherwise, or the signal aborts
 */
export async function readLoads(
  url: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Load>> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  const response = await fetch(url, { signal: AbortSignal.any([signal, limit]) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  const { workers } = answer.parse(await response.json());
  return new Map(workers.map((load) => [load.worker, load]));
}
