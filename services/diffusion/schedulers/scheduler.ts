import type { TorchGenerator } from '../random/torch-generator.ts';

/**
 * One algorithm, prepared for one run of a fixed number of steps. `call` is the index of the model
 * call under way in `timesteps`; every method names it, so there is no order to get wrong. A call is
 * not always a step: Heun and KDPM2 ask the model twice a step, PNDM begins with extra calls.
 * Arrays are float32 samples of one picture, all of the same length.
 */
export type Scheduler = {
  /** What the model is told at each call, [calls]. */
  readonly timesteps: Float32Array;
  /** The call that this run begins with, 0 unless it has a strength below 1. A multiple of `order`. */
  readonly begin: number;
  /** Calls by which one step less shifts the beginning, as diffusers counts: 2 for Heun and KDPM2. */
  readonly order: number;
  /** Standard deviation that the initial noise of a run from call 0 must have. */
  readonly initialNoiseSigma: number;
  /** Writes into `out` what the model sees in place of `sample`. */
  scaleModelInput(call: number, sample: Float32Array, out: Float32Array): void;
  /** Takes `sample` from the noise level of this call to that of the next, in place. */
  step(call: number, modelOutput: Float32Array, sample: Float32Array): void;
  /** Writes into `out` the sample that `original` is at the noise level of this call. */
  addNoise(original: Float32Array, noise: Float32Array, call: number, out: Float32Array): void;
  /** Copies of what is remembered of the calls done; empty for single-step algorithms. */
  history(): Float32Array[];
  /**
   * Goes on as if the calls behind `history` had been done here. It is for the same choice of
   * scheduler; the state of the random generator is the caller's to keep.
   */
  restore(history: readonly Float32Array[]): void;
};

/** What an algorithm makes; `createScheduler` adds what the table of algorithms knows. */
export type Solver = Omit<Scheduler, 'begin' | 'order'>;

/** One run, as an algorithm is told of it. */
export type Run = {
  steps: number;
  /** The first call that is made; multistep solvers warm up from there. */
  begin: number;
  random: TorchGenerator;
  /** Share of noise in each step: DDIM's η, TCD's γ. Absent: the algorithm's default. */
  eta?: number | undefined;
  /** Share of the noise levels, from the lowest up, over which the steps are spread. Absent: all. */
  strength?: number | undefined;
  /** The shift of flow matching for this picture's size, as diffusers' pipelines compute it. */
  mu?: number | undefined;
};

/** For algorithms whose model sees the sample as it is. */
export const unscaled: Solver['scaleModelInput'] = (_call, sample, out) => out.set(sample);

/** For algorithms that remember nothing. */
export const withoutHistory: Pick<Solver, 'history' | 'restore'> = {
  history: () => [],
  restore: () => {},
};
