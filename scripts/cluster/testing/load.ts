import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { DarkroomClient } from '@darkroom/client/source';
import type { Generation } from '@darkroom/contract';
import { retryWhile } from '@darkroom/timing';
import { client } from './cluster-under-test.ts';

/** A machine that is busy for longer is too slow for the tests. */
const BUSY_MS = 60_000;

/** A job of some length: pictures × steps of the built-in model. */
export type Work = {
  count?: number;
  steps?: number;
  /** Of another cluster than the one under test. */
  through?: DarkroomClient;
};

/** Asks for so many generations at once. @returns their ids */
export async function burst(
  jobs: number,
  { count = 1, steps = 20, through = client }: Work = {},
): Promise<string[]> {
  const created = await Promise.all(
    Array.from({ length: jobs }, (_, index) => {
      const idempotencyKey = randomUUID();
      const prompt = 'a large red star on a blue background';
      const input = { prompt, seed: index, count, steps, idempotencyKey };
      return whileBusy(() => through.generations.create.mutate(input));
    }),
  );
  return created.map(({ id }) => id);
}

/** Asks again where a frontend says that its event loop is late; any other failure is one. */
export function whileBusy<T>(ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + BUSY_MS;
  const isBusy = (error: unknown) => error instanceof Error && /is overloaded/.test(error.message);
  return retryWhile((error) => isBusy(error) && performance.now() < giveUpAt, ask);
}

export const states = async (ids: readonly string[]): Promise<Generation[]> =>
  Promise.all(ids.map((id) => client.generations.get.query({ id })));

/** The generations once all of them have ended. */
export async function ended(ids: readonly string[]): Promise<Generation[]> {
  return Promise.all(ids.map((id) => client.waitFor(id)));
}

/**
 * Asks for one generation after the other until it is stopped, and tells how each ended. It may be stopped
 * twice: by the test and, where that failed before, by what clears up after it.
 *
 * @param options.pauseMs between the end of one and the next
 */
export function stream(
  work: Work = {},
  { pauseMs = 50 }: { pauseMs?: number } = {},
): { stop(): Promise<Generation[]> } {
  let stopped = false;
  const all: Generation[] = [];
  const running = (async () => {
    while (!stopped) {
      const [id = ''] = await burst(1, work);
      all.push(await (work.through ?? client).waitFor(id));
      await pause(pauseMs);
    }
  })();
  // `stop` tells; until it is called nobody waits for what went wrong.
  running.catch(() => {});
  return {
    stop: async () => {
      stopped = true;
      await running;
      return all;
    },
  };
}

/**
 * Asks for a job whenever less than so much work waits and runs, until it is stopped: a load that is the
 * same on a fast machine and on a slow one.
 *
 * @param seconds of work of one worker
 * @param secondsOfWork tells how much there is
 * @param work of a job; the load is larger than `seconds` by two jobs at most
 */
export function keepSecondsOfWork(
  seconds: number,
  secondsOfWork: () => Promise<number>,
  work: Work,
): { stop(): Promise<string[]> } {
  const stopped = new AbortController();
  const ids: string[] = [];
  const running = (async () => {
    while (!stopped.signal.aborted) {
      // The frontend that was asked may be on its way out.
      if ((await secondsOfWork().catch(() => seconds)) < seconds)
        ids.push(...(await burst(1, work)));
      // What a frontend tells is up to a second old: until then it does not count the job.
      await pause(1_100);
    }
  })();
  // `stop` tells; until it is called nobody waits for what went wrong.
  running.catch(() => {});
  return {
    stop: async () => {
      stopped.abort();
      await running;
      return ids;
    },
  };
}
