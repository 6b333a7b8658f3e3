import { z } from 'zod';
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
import { linspace, roundHalfToEven } from './numpy.ts';
import { createRecentOutputs } from './recent-outputs.ts';
import { type Run, type Solver, unscaled } from './scheduler.ts';
import {
  finalSigmaSetting,
  flowCheck,
  noiseSettings,
  respacingSettings,
  solverSettings,
  spacingSettings,
  thresholdSettings,
  zeroSnrSetting,
} from './settings.ts';
import { timestepOf, trainingSigmas, withFinalSigma } from './sigmas.ts';
import { convertToNoise, convertToOriginal } from './solver-output.ts';

const f32 = Math.fround;

/** What both of diffusers' DPM-Solver classes have. */
export const dpmSettings = {
  ...noiseSettings(),
  ...respacingSettings,
  ...finalSigmaSetting,
  ...solverSettings,
  ...thresholdSettings,
  // Another class's solver types are taken for the midpoint rule, as diffusers takes them.
  solver_type: z
    .enum(['midpoint', 'heun', 'logrho', 'bh1', 'bh2'])
    .default('midpoint')
    .transform((type) => (type === 'heun' ? 'heun' : 'midpoint')),
  lambda_min_clipped: z
    .union([z.number(), z.literal(Number.NEGATIVE_INFINITY)])
    .default(Number.NEGATIVE_INFINITY),
  // Models that predict their variance, too, have twice the channels.
  variance_type: z
    .enum(['fixed_small', 'fixed_small_log', 'fixed_large', 'fixed_large_log'])
    .optional(),
};

/** What is not defined for the solvers that integrate the noise. */
export const noiseSolverCheck: z.core.CheckFn<{
  algorithm_type: DpmAlgorithm;
  final_sigmas_type: string;
  prediction_type: string;
}> = ({ value, issues }) => {
  if (predictsNoise(value.algorithm_type)) {
    const refuse = (key: keyof typeof value) =>
      issues.push({
        code: 'custom',
        input: value,
        path: [key],
        message: `${value[key]} is not defined for algorithm_type ${value.algorithm_type}`,
      });
    if (value.final_sigmas_type === 'zero') refuse('final_sigmas_type');
    if (value.prediction_type === 'flow_prediction') refuse('prediction_type');
  }
};

export const dpmMultistepSettings = z
  .object({
    ...dpmSettings,
    ...zeroSnrSetting,
    ...spacingSettings('linspace'),
    algorithm_type: z
      .enum(['dpmsolver++', 'sde-dpmsolver++', 'dpmsolver', 'sde-dpmsolver', 'deis'])
      .default('dpmsolver++')
      .transform((type): DpmAlgorithm => (type === 'deis' ? 'dpmsolver++' : type)),
    lower_order_final: z.boolean().default(true),
    euler_at_final: z.boolean().default(false),
    use_lu_lambdas: z.boolean().default(false),
  })
  .check(flowCheck, noiseSolverCheck)
  .refine((settings) => settings.algorithm_type !== 'sde-dpmsolver' || settings.solver_order < 3, {
    path: ['solver_order'],
    error: 'sde-dpmsolver has no third order',
  });
type Settings = z.infer<typeof dpmMultistepSettings>;

/**
 * DPM-Solver and DPM-Solver++ with the outputs of earlier calls, of first to third order. Equal to
 * diffusers' `DPMSolverMultistepScheduler`; scalars are rounded to float32 where torch rounds them,
 * because short strides in log-SNR amplify the rest.
 */
export function createDpmMultistep(settings: Settings, run: Run): Solver {
  const { algorithm_type: algorithm, solver_order: order } = settings;
  const { timesteps, levels } = noiseLevels(settings, run.steps);
  const calls = timesteps.length;
  const outputs = createRecentOutputs(order);
  const isShort = settings.lower_order_final && calls < 15;
  const endsLow = settings.euler_at_final || isShort || settings.final_sigmas_type === 'zero';
  const convert = predictsNoise(algorithm) ? convertToNoise : convertToOriginal;

  const orderAt = (call: number) => {
    const warm = Math.min(order, call - run.begin + 1);
    if (call === calls - 1 && endsLow) return 1;
    return call === calls - 2 && isShort ? Math.min(warm, 2) : warm;
  };

  return {
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const from = levels[call]!;
      const to = levels[call + 1]!;
      convert(settings, from, { modelOutput, sample }, outputs.push(sample.length));
      const weights = dpmWeights(algorithm, from, to);
      const terms: Term[] = [
        [weights.sample, sample],
        [weights.d0, outputs.at(0)],
      ];
      const used = orderAt(call);
      if (used === 2) terms.push(secondOrder(settings, weights, levels, call, outputs.at));
      if (used === 3) terms.push(...thirdOrder(weights, levels, call, outputs.at));
      if (isStochastic(algorithm)) {
        const noise = new Float32Array(sample.length);
        run.random.randn(noise);
        terms.push([weights.noise, noise]);
      }
      addTerms(terms, sample);
    },
    addNoise: addNoiseByLevels(levels),
    history: outputs.copies,
    restore: outputs.restore,
  };
}

type Outputs = (age: number) => Float32Array;

/** r of the papers: the stride in λ that ends `age` calls ago, of the stride ahead. */
function strideRatio(levels: readonly Level[], call: number, age: number): number {
  const stride = (at: number) => f32(levels[at + 1]!.lambda - levels[at]!.lambda);
  return f32(stride(call - age) / stride(call));
}

function secondOrder(
  { solver_type }: Settings,
  weights: DpmWeights,
  levels: readonly Level[],
  call: number,
  output: Outputs,
): Term {
  const slope = f32(1 / strideRatio(levels, call, 1));
  const weight = solver_type === 'heun' ? weights.d1 : weights.midpoint;
  return [weight, difference(slope, output(0), output(1))];
}

function thirdOrder(
  weights: DpmWeights,
  levels: readonly Level[],
  call: number,
  output: Outputs,
): Term[] {
  const r0 = strideRatio(levels, call, 1);
  const r1 = strideRatio(levels, call, 2);
  const recent = difference(f32(1 / r0), output(0), output(1));
  const earlier = difference(f32(1 / r1), output(1), output(2));
  const bend = difference(1, recent, earlier);
  const both = f32(r0 + r1);
  const d1 = bend.map((value, i) => f32(recent[i]! + f32(f32(r0 / both) * value)));
  return [
    [weights.d1, d1],
    [weights.d2, bend.map((value) => f32(1 / both) * value)],
  ];
}

function noiseLevels(settings: Settings, steps: number) {
  const alphas = cumulativeAlphas(settings, { keepFinite: true });
  const training = trainingSigmas(alphas);
  const last = usedTimesteps(settings, alphas);
  const { sigmas, timesteps } = spacedSigmas(
    settings,
    steps,
    solverTimesteps(settings, steps, last),
    training,
  );
  const final = settings.final_sigmas_type === 'sigma_min' ? training[0]! : 0;
  return {
    timesteps: Float32Array.from(timesteps),
    levels: Array.from(withFinalSigma(sigmas, final), (sigma) =>
      levelOf(sigma, settings.use_flow_sigmas),
    ),
  };
}

/** How many of the trained timesteps have a log-SNR of at least `lambda_min_clipped`. */
export function usedTimesteps(
  settings: { num_train_timesteps: number; lambda_min_clipped: number },
  alphas: Float32Array,
): number {
  const clipped = alphas.filter((alpha) => {
    const lambda =
      f32(Math.log(f32(Math.sqrt(alpha)))) - f32(Math.log(f32(Math.sqrt(f32(1 - alpha)))));
    return f32(lambda) < settings.lambda_min_clipped;
  });
  return settings.num_train_timesteps - clipped.length;
}

function spacedSigmas(
  settings: Settings,
  steps: number,
  timesteps: Float64Array,
  training: Float32Array,
) {
  // With the cosine schedule this class alone cuts timesteps off where others round.
  const whole = settings.beta_schedule === 'squaredcos_cap_v2' ? Math.trunc : roundHalfToEven;
  const toldAt = (sigmas: Float64Array) =>
    sigmas.map((sigma) => whole(timestepOf(sigma, training)));
  if (settings.use_lu_lambdas && !settings.use_karras_sigmas) {
    const log = (sigma: number) => f32(Math.log(sigma));
    const highest = log(training[training.length - 1]!);
    const lowest = log(training[0]!);
    // Equally spaced in log σ, Lu et al.'s choice.
    const sigmas = linspace(0, 1, steps).map((at) => Math.exp(highest + at * (lowest - highest)));
    return { sigmas, timesteps: toldAt(sigmas) };
  }
  const spaced = solverSigmas(settings, steps, timesteps, training);
  return settings.use_karras_sigmas ? { ...spaced, timesteps: toldAt(spaced.sigmas) } : spaced;
}
