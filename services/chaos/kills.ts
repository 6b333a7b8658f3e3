import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient, type DarkroomClient, type Generation } from '@darkroom/client/source';
import { MAX_ATTEMPTS } from '@darkroom/contract';
import { createRandom } from '@darkroom/testing';
import type { Cluster } from './cluster.ts';
import { appendToLedger } from './ledger.ts';
import type { Service } from './service.ts';

/** One worker that was killed with a job in hand. */
export type Kill = {
  worker: string;
  /** Milliseconds since 1970. */
  at: number;
  /** Until another attempt ran the job; null where none did within a minute. */
  takenOverMs: number | null;
};

/** Jobs that run at the same time, if there are more workers than that. */
const MOST_AT_ONCE = 2;
const LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 50;

const longest = { prompt: 'a large red star on a blue background', steps: 150, count: 16 };

/**
 * Kills workers (SIGKILL) one after another while they run long jobs, and takes the time until the
 * API shows the next attempt of the job as running.
 */
export async function killWorkers(
  cluster: Cluster,
  options: { kills: number; seed: number; ledger: string; signal: AbortSignal },
): Promise<Kill[]> {
  const { seed, signal } = options;
  const random = createRandom(seed, 'kills');
  const client = createClient({ url: cluster.frontendUrls[0] ?? '' });
  const workers = [...cluster.services.values()].filter(({ name }) => name.startsWith('worker'));
  // Fewer than workers, so that one of those is free to take over.
  const atOnce = Math.max(1, Math.min(MOST_AT_ONCE, workers.length - 1));
  const jobs = keepJobs(client, options.ledger, atOnce);
  const kills: Kill[] = [];
  while (kills.length < options.kills) {
    signal.throwIfAborted();
    await jobs.keep();
    await wait(random.between(0, 2_000));
    const holders = await holdersOf(workers);
    const before = await runningNow(client);
    // One after the other, so that a worker is free.
    if (before.length < atOnce || holders.length === 0) continue;
    const worker = random.pick(holders);
    const [at, since] = [Date.now(), performance.now()];
    worker.signal('SIGKILL');
    const takenOverMs = await untilTakenOver(client, before, since, signal);
    // The job may have ended in the instant of the kill.
    if (takenOverMs !== undefined) kills.push({ worker: worker.name, at, takenOverMs });
    await worker.ready(60);
  }
  await jobs.cancelAll();
  return kills;
}

/** Undefined when all of them have ended, so that the kill hit none. */
async function untilTakenOver(
  client: DarkroomClient,
  before: readonly Generation[],
  since: number,
  signal: AbortSignal,
): Promise<number | null | undefined> {
  while (performance.now() - since < LIMIT_MS) {
    signal.throwIfAborted();
    const now = await Promise.all(before.map(({ id }) => client.generations.get.query({ id })));
    const isTakenOver = now.some(
      ({ state, attempt }, place) =>
        state === 'running' && attempt > (before[place]?.attempt ?? attempt),
    );
    if (isTakenOver) return performance.now() - since;
    if (now.every(({ finishedAt }) => finishedAt !== null)) return undefined;
    await wait(LOOK_EVERY_MS);
  }
  return null;
}

const runningNow = async (client: DarkroomClient): Promise<Generation[]> =>
  (await client.generations.list.query({ state: 'running', limit: 100 })).generations;

/** Those that have a job in hand. */
async function holdersOf(workers: readonly Service[]): Promise<Service[]> {
  const inHand = await Promise.all(workers.map((worker) => worker.metric('darkroom_jobs_in_hand')));
  return workers.filter((_, place) => (inHand[place] ?? 0) > 0);
}

/** Keeps as many long jobs as should run, in the place of those that end or have one attempt left. */
function keepJobs(client: DarkroomClient, ledger: string, atOnce: number) {
  const ids = new Set<string>();
  let n = 1_000_000;
  const create = async (): Promise<void> => {
    n += 1;
    appendToLedger(ledger, { type: 'sent', n, at: Date.now() });
    const input = { ...longest, seed: n, idempotencyKey: randomUUID() };
    const { id, createdAt } = await client.generations.create.mutate(input);
    appendToLedger(ledger, { type: 'accepted', n, at: Date.now(), id, createdAt });
    ids.add(id);
  };
  const cancel = async (id: string): Promise<void> => {
    ids.delete(id);
    await client.generations.cancel.mutate({ id });
  };
  return {
    async keep(): Promise<void> {
      const now = await Promise.all([...ids].map((id) => client.generations.get.query({ id })));
      for (const { id, finishedAt, attempt } of now) {
        if (finishedAt !== null) ids.delete(id);
        else if (attempt >= MAX_ATTEMPTS - 1) await cancel(id);
      }
      while (ids.size < atOnce) await create();
    },
    cancelAll: () => Promise.all([...ids].map(cancel)),
  };
}
