export type ActiveCount = {
  tenant: string;
  model: string;
  state: 'queued' | 'running';
  count: number;
};

/**
 * What is left of some generations. Before its end each counts one step at least: the last picture is
 * decoded and stored after the last step.
 */
export type Work = {
  /** Denoising steps, over all pictures. */
  steps: number;
  /** Each step times the pixels of its picture, for one of twice as many takes about twice as long. */
  pixelSteps: number;
};

/** A model's queue as it was a moment ago. */
export type QueueView = {
  model: string;
  /** Generations in it. */
  length: number;
  /** Of all that is in it. */
  work: Work;
  /** Oldest first: the places at the head, then some of the others, and the last. */
  marks: { queuedAtMs: number; position: number; pixelStepsAhead: number }[];
  running: { count: number; work: Work };
  pace: Pace | null;
};

/** How fast a model's newest generations were made. */
export type Pace = {
  /**
   * Milliseconds of a worker for a step of a picture, by its pixels: a quarter took less than `low`,
   * half less than `typical`, a tenth more than `high`.
   */
  pixelStepMs: { low: number; typical: number; high: number };
  /** Generations that succeeded in the last minute, by all workers together. */
  perSecond: number;
};

/** What a worker has in hand. */
export type WorkerLoad = {
  worker: string;
  /** Of its jobs. */
  models: string[];
  jobs: number;
  /** Of its jobs, earlier attempts included, as the last heartbeats told. */
  stepsDone: number;
  stepsLeft: number;
};
