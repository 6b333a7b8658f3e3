export type ActiveCount = {
  tenant: string;
  model: string;
  state: 'queued' | 'running';
  count: number;
};

/** A model's queue as it was a moment ago. */
export type QueueView = {
  model: string;
  /** Generations in it. */
  length: number;
  /** Of all that is in it. */
  steps: number;
  /** Oldest first: the places at the head, then some of the others, and the last. */
  marks: { queuedAtMs: number; position: number; stepsAhead: number }[];
  running: { count: number; stepsLeft: number };
  pace: Pace | null;
};

/** How fast a model's newest generations were made. */
export type Pace = {
  /** Milliseconds of a worker for a step of a picture: a quarter took less, a tenth more. */
  stepMs: { low: number; high: number };
  /** Generations that succeeded in the last minute, by all workers together. */
  perSecond: number;
};
