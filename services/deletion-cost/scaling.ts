import { z } from 'zod';

/** As much as is read of the frontend's answer; later releases may tell more. */
const answer = z.object({
  workers: z.array(z.object({ worker: z.string(), jobs: z.int(), stepsLeft: z.int().min(0) })),
});

/** What a worker has in hand. */
export type Load = z.output<typeof answer>['workers'][number];

const LIMIT_MS = 5_000;

/**
 * Asks a frontend what each worker has in hand, by the worker's name.
 * @throws Error while it does not answer, or answers otherwise
 */
export async function readLoads(url: string): Promise<ReadonlyMap<string, Load>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  const { workers } = answer.parse(await response.json());
  return new Map(workers.map((load) => [load.worker, load]));
}
