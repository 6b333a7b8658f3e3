/**
 * One algorithm, prepared for one run of a fixed number of steps. `step` is the index of the step
 * under way, counted from 0; every call names it, so there is no order to get wrong. Arrays are
 * float32 samples of one picture, all of the same length.
 */
export type Scheduler = {
  /** What the model is told at each step, [steps]. */
  readonly timesteps: Float32Array;
  /** Standard deviation that the initial noise must have. */
  readonly initialNoiseSigma: number;
  /** Writes into `out` what the model sees in place of `sample`. */
  scaleModelInput(step: number, sample: Float32Array, out: Float32Array): void;
  /** Takes `sample` from x_t to x_{t−1}, in place. */
  step(step: number, modelOutput: Float32Array, sample: Float32Array): void;
  /** Copies of what is remembered of the steps done; empty for single-step algorithms. */
  history(): Float32Array[];
  /** Goes on as if the steps of `history` had been done here. */
  restore(history: readonly Float32Array[]): void;
};

/** For algorithms whose model sees the sample as it is. */
export const unscaled: Scheduler['scaleModelInput'] = (_step, sample, out) => out.set(sample);

/** For algorithms that remember nothing. */
export const withoutHistory: Pick<Scheduler, 'history' | 'restore'> = {
  history: () => [],
  restore: () => {},
};
