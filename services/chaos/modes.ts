import { defaultTiming, namesOfWorkers, shortTiming } from './cluster.ts';
import type { FaultKind } from './faults/fault.ts';
import { faultKinds } from './faults/index.ts';
import { blips } from './faults/network.ts';
import type { Plant } from './plants/plant.ts';
import type { ChaosOptions } from './run-chaos.ts';

/** What a run of one sort is like, apart from its seed and its size. */
export type Mode = Pick<
  ChaosOptions,
  'shape' | 'secondsAJob' | 'secondsAFault' | 'republishAfterMs' | 'stallSeconds' | 'workers'
> &
  Pick<ChaosOptions, 'timing' | 'judgesLeases'> & {
    jobs: number;
    /** Unless told otherwise. */
    faults(jobs: number): number;
    kills: number;
    kinds: readonly FaultKind[];
  };

/** The ordinary run: a lost message is missed as soon as it is wherever nobody tells otherwise. */
const ordinary: Mode = {
  ...{ jobs: 200, kills: 0, workers: 2, timing: shortTiming, judgesLeases: false },
  ...{ secondsAJob: 0.2, secondsAFault: 3.2, stallSeconds: 60, republishAfterMs: 10_000 },
  shape: { steps: 1, long: 0.1, longCount: 1 },
  faults: (jobs) => Math.ceil(jobs * 0.06),
  kinds: faultKinds,
};

/**
 * To catch a plant: quicker, with workers that are seldom idle. No message is missed for ten minutes,
 * or the sweep would fix what a plant that loses messages does, and nothing would be wrong.
 */
const planted: Mode = {
  ...ordinary,
  ...{ jobs: 300, secondsAJob: 0.1, secondsAFault: 2, stallSeconds: 30 },
  ...{ republishAfterMs: 600_000, shape: { steps: 8, long: 0.1, longCount: 1 } },
};

/** More than cores of a small machine, so that often one of them is free to take a job. */
const BLIP_WORKERS = 4;

/**
 * Cuts of the connections that leases depend on, over jobs that run for tens of seconds, then kills;
 * services have the settings that they have where nobody sets any.
 *
 * @param pictures of each job, at most 16
 */
const blipped = (pictures: number, workers: number): Mode => ({
  ...{ jobs: 40, kills: 32, workers, timing: defaultTiming, judgesLeases: true },
  // Two cores are at work most of the time.
  ...{ secondsAJob: 0.35 * pictures, secondsAFault: 1.1 },
  ...{ stallSeconds: 300, republishAfterMs: 10_000 },
  shape: { steps: 20, long: 1, longCount: pictures },
  faults: () => 200,
  kinds: blips(namesOfWorkers(workers), { worker: 3, frontend: 1 }),
});

const MOST_PICTURES = 16;

export function modeOf(
  asked: {
    faults?: number | 'blips' | undefined;
    pictures?: number | undefined;
    workers?: number | undefined;
  },
  plant: Plant | undefined,
): Mode {
  const { pictures = MOST_PICTURES, workers = BLIP_WORKERS } = asked;
  if (plant?.faults === 'blips') {
    return { ...blipped(pictures, workers), jobs: 10, kills: 0, faults: () => 50 };
  }
  if (plant !== undefined) return planted;
  return asked.faults === 'blips' ? blipped(pictures, workers) : ordinary;
}
