import { ancestralStep } from './euler-ancestral.ts';
import { kDiffusionLevels } from './k-diffusion.ts';
import { createMidpointSolver, geometricMean, type Kdpm2Settings } from './kdpm2.ts';
import type { Run, Solver } from './scheduler.ts';
import { withFinalSigma } from './sigmas.ts';

/**
 * DPM-Solver-2 with ancestral sampling: each step goes below its target and adds fresh noise. Equal to
 * diffusers' `KDPM2AncestralDiscreteScheduler`.
 */
export function createKdpm2Ancestral(settings: Kdpm2Settings, run: Run): Solver {
  const levels = kDiffusionLevels(settings, run.steps, { wholeKarrasTimesteps: true });
  const sigmas = withFinalSigma(levels.sigmas, 0);
  const strides = Array.from({ length: run.steps }, (_, step) => {
    const from = sigmas[step]!;
    const { down, up } = ancestralStep(from, sigmas[step + 1]!);
    const isLast = step === run.steps - 1;
    return { from, middle: isLast ? 0 : geometricMean(from, down), to: down, noise: up };
  });
  return createMidpointSolver(settings, run, levels, strides);
}
