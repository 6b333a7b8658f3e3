import { z } from 'zod';
import { dpmSettings, noiseSolverCheck, usedTimesteps } from './dpm-multistep.ts';
import {
  addTerms,
  type DpmAlgorithm,
  type DpmWeights,
  difference,
  dpmWeights,
  isStochastic,
  predictsNoise,
  type Term,
} from './dpm-solver.ts';
import { addNoiseByLevels, type Level, levelOf, solverSigmas, solverTimesteps } from './log-snr.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { createRecentOutputs } from './recent-outputs.ts';
import { type Run, type Solver, unscaled } from './scheduler.ts';
import { flowCheck } from './settings.ts';
import { trainingSigmas, withFinalSigma } from './sigmas.ts';
import { convertToNoise, convertToOriginal } from './solver-output.ts';

const f32 = Math.fround;

export const dpmSinglestepSettings = z
  .object({
    ...dpmSettings,
    algorithm_type: z
      .enum(['dpmsolver++', 'sde-dpmsolver++', 'dpmsolver', 'deis'])
      .default('dpmsolver++')
      .transform((type): DpmAlgorithm => (type === 'deis' ? 'dpmsolver++' : type)),
    lower_order_final: z.boolean().default(false),
  })
  .check(flowCheck, noiseSolverCheck)
  .refine((settings) => settings.algorithm_type !== 'dpmsolver' || !settings.thresholding, {
    path: ['thresholding'],
    error: 'not defined for algorithm_type dpmsolver',
  });
type Settings = z.infer<typeof dpmSinglestepSettings>;

/**
 * DPM-Solver and DPM-Solver++ in strides of one to three calls, each of which begins anew from the
 * sample that the stride began with. Equal to diffusers' `DPMSolverSinglestepScheduler`.
 */
export function createDpmSinglestep(settings: Settings, run: Run): Solver {
  const { algorithm_type: algorithm, solver_order } = settings;
  const { timesteps, levels } = noiseLevels(settings, run.steps);
  const orders = ordersOf(settings, run.steps);
  const outputs = createRecentOutputs(solver_order);
  const convert = predictsNoise(algorithm) ? convertToNoise : convertToOriginal;
  /** The sample that the stride began with. */
  let started = new Float32Array(0);

  return {
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      convert(settings, levels[call]!, { modelOutput, sample }, outputs.push(sample.length));
      const order = Math.min(orders[call]!, call - run.begin + 1);
      if (order === 1) started = sample.slice();
      const weights = dpmWeights(algorithm, levels[call - order + 1]!, levels[call + 1]!);
      const terms: Term[] = [
        [weights.sample, started],
        [weights.d0, outputs.at(order - 1)],
      ];
      const heun = settings.solver_type === 'heun';
      if (order === 2) terms.push(secondOrder(heun, weights, levels, call, outputs.at));
      if (order === 3) terms.push(...thirdOrder(heun, weights, levels, call, outputs.at));
      if (isStochastic(algorithm)) {
        const noise = new Float32Array(sample.length);
        run.random.randn(noise);
        terms.push([weights.noise, noise]);
      }
      addTerms(terms, sample);
    },
    addNoise: addNoiseByLevels(levels),
    history: () => [started.slice(), ...outputs.copies()],
    restore([startedBefore, ...outputsBefore]) {
      if (startedBefore === undefined) return;
      started = startedBefore.slice();
      outputs.restore(outputsBefore);
    },
  };
}

type Outputs = (age: number) => Float32Array;

function secondOrder(
  heun: boolean,
  weights: DpmWeights,
  levels: readonly Level[],
  call: number,
  output: Outputs,
): Term {
  const r0 = share(levels, [call - 1, call, call + 1]);
  return [heun ? weights.d1 : weights.midpoint, difference(f32(1 / r0), output(0), output(1))];
}

function thirdOrder(
  heun: boolean,
  weights: DpmWeights,
  levels: readonly Level[],
  call: number,
  output: Outputs,
): Term[] {
  const r0 = share(levels, [call - 2, call, call + 1]);
  const r1 = share(levels, [call - 2, call - 1, call + 1]);
  const near = difference(f32(1 / r1), output(1), output(2));
  const far = difference(f32(1 / r0), output(0), output(2));
  if (!heun) return [[weights.d1, far]];
  const apart = f32(r0 - r1);
  return [
    [weights.d1, near.map((value, i) => f32(f32(r0 * value) - f32(r1 * far[i]!)) / apart)],
    [weights.d2, far.map((value, i) => f32(2 * f32(value - near[i]!)) / apart)],
  ];
}

/** How far λ has come at `at` on its way from `from` to `to`. */
function share(levels: readonly Level[], [from, at, to]: [number, number, number]): number {
  const start = levels[from]!.lambda;
  return f32(f32(levels[at]!.lambda - start) / f32(levels[to]!.lambda - start));
}

/** The order of each call: strides of as many calls as the solver's order, and what is left over. */
function ordersOf(settings: Settings, steps: number): number[] {
  const { solver_order: order, final_sigmas_type, lower_order_final } = settings;
  const orders = Array.from({ length: steps }, (_, call) => (call % order) + 1);
  const endsAtZero = final_sigmas_type === 'zero';
  const endsLow = lower_order_final && steps % order === 0;
  if (endsAtZero || endsLow) orders[steps - 1] = 1;
  return orders;
}

function noiseLevels(settings: Settings, steps: number) {
  const alphas = cumulativeAlphas(settings, { keepFinite: true });
  const training = trainingSigmas(alphas);
  const linspaced = { ...settings, timestep_spacing: 'linspace' as const, steps_offset: 0 };
  const laidOut = solverTimesteps(linspaced, steps, usedTimesteps(settings, alphas));
  const { sigmas, timesteps } = solverSigmas(settings, steps, laidOut, training);
  const final = settings.final_sigmas_type === 'sigma_min' ? training[0]! : 0;
  return {
    timesteps: Float32Array.from(timesteps),
    levels: Array.from(withFinalSigma(sigmas, final), (sigma) =>
      levelOf(sigma, settings.use_flow_sigmas),
    ),
  };
}
