import type { QueueView, Work, WorkerLoad, WorkerSeen } from '@darkroom/generations';

/** What a model's workers have to do. */
export type Demand = {
  model: string;
  /** Generations. */
  queued: number;
  running: number;
  /** Of one worker, for what is left of all of them; above 0 while there is one. */
  seconds: number;
};

/** What a step counts, whatever its size, before a generation of its model was measured. */
const UNMEASURED_STEP_MS = 100;

/** At the pace that callers' waits are estimated by, too; rounded up to milliseconds. */
export function demandOf(model: string, queue: QueueView | undefined): Demand {
  const { length: queued, work, running, pace } = queue ?? nothing;
  const msOf = ({ steps, pixelSteps }: Work) =>
    pace === null ? steps * UNMEASURED_STEP_MS : pixelSteps * pace.pixelStepMs.typical;
  const seconds = Math.ceil(msOf(work) + msOf(running.work)) / 1e3;
  return { model, queued, running: running.count, seconds };
}

const none: Work = { steps: 0, pixelSteps: 0 };
const nothing = { length: 0, work: none, running: { count: 0, work: none }, pace: null };

/** A worker and what it has in hand, by the record. */
export type Load = {
  worker: string;
  /** The model that it takes, or several, with commas between. */
  model: string;
  jobs: number;
  /** Of its jobs. */
  stepsDone: number;
  stepsLeft: number;
};

/** Every worker that was seen lately or holds a job, by name. */
export function loadsOf(workers: readonly WorkerSeen[], loads: readonly WorkerLoad[]): Load[] {
  const idle = workers.map(({ worker, models }) => ({
    worker,
    models,
    jobs: 0,
    stepsDone: 0,
    stepsLeft: 0,
  }));
  const byName = new Map([...idle, ...loads].map((load) => [load.worker, load]));
  return [...byName.values()]
    .map(({ models, ...load }) => ({ ...load, model: models.join(',') }))
    .sort((a, b) => (a.worker < b.worker ? -1 : 1));
}
