import { z } from 'zod';

export const generationState = z.enum(['queued', 'running', 'succeeded', 'failed', 'canceled']);
export type GenerationState = z.infer<typeof generationState>;

/**
 * Every legal edge of a generation's life. `running → queued` is a hand-back or an expired lease.
 * No edge leaves a terminal state.
 */
export const stateEdges: Readonly<Record<GenerationState, readonly GenerationState[]>> = {
  queued: ['running', 'canceled', 'failed'],
  running: ['succeeded', 'failed', 'canceled', 'queued'],
  succeeded: [],
  failed: [],
  canceled: [],
};

export const isTerminal = (state: GenerationState): boolean => stateEdges[state].length === 0;

/** How often a generation is taken up by a worker and lost with it before it fails as ATTEMPTS. */
export const MAX_ATTEMPTS = 5;
