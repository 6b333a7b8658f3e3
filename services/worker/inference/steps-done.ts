import type { RunState } from '@darkroom/diffusion';

/**
 * Steps of the request that are done, whole ones. The engine counts model calls, of which some schedulers
 * make more than one a step; people and records count steps.
 */
export const stepsDone = (state: RunState | undefined, steps: number): number =>
  state === undefined ? 0 : Math.floor((state.step * steps) / state.steps);
