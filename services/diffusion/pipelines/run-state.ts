/** All that a run needs to go on after `step`, in plain transferable data; tens of kilobytes. */
export type RunState = {
  /** Steps done, from 1 to `steps`. */
  step: number;
  steps: number;
  /** [1, C, H/8, W/8], row-major. */
  latents: Float32Array;
  /** State of the generator that draws the noise of ancestral steps. */
  random: RandomState;
  /** What multistep schedulers remember of earlier steps. */
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
