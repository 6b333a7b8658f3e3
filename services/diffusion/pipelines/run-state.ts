/** All that a run needs to go on after `step`, in plain transferable data. */
export type RunState = {
  /** Model calls done, from 1 to `steps`. Some schedulers call the model more often than once a step. */
  step: number;
  /** Model calls of the whole run. */
  steps: number;
  /** [1, C, H/8, W/8], row-major. */
  latents: Float32Array;
  /**
   * The latents without noise as the model predicts them, where `previews` asks for them; not needed to go on.
   */
  predicted?: Float32Array;
  /** State of the generator that draws the scheduler's noise. */
  random: RandomState;
  /** What the scheduler remembers of earlier calls. */
  history: Float32Array[];
};

/** MT19937 as PyTorch's CPU generator keeps it. */
export type RandomState = {
  /** 624 words. */
  words: Uint32Array;
  index: number;
  /** The second half of a Box–Muller pair that is not yet used, as torch caches it. */
  cachedNormal: number | null;
};
