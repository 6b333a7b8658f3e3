import { z } from 'zod';
import { addTerms, difference, type Term } from './dpm-solver.ts';
import {
  addNoiseByLevels,
  type Level,
  levelOf,
  shifted,
  solverSigmas,
  solverTimesteps,
  wholeFlowTimesteps,
} from './log-snr.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { linspace } from './numpy.ts';
import { createRecentOutputs, type RecentOutputs } from './recent-outputs.ts';
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
import { trainingSigmas, withFinalSigma } from './sigmas.ts';
import { convertToNoise, convertToOriginal } from './solver-output.ts';

const f32 = Math.fround;

export const unipcSettings = z
  .object({
    ...noiseSettings(),
    ...zeroSnrSetting,
    ...spacingSettings('linspace'),
    ...respacingSettings,
    ...finalSigmaSetting,
    ...solverSettings,
    ...thresholdSettings,
    // Another class's solver types are taken for bh2, as diffusers takes them.
    solver_type: z
      .enum(['bh1', 'bh2', 'midpoint', 'heun', 'logrho'])
      .default('bh2')
      .transform((type) => (type === 'bh1' ? 'bh1' : 'bh2')),
    predict_x0: z.boolean().default(true),
    lower_order_final: z.boolean().default(true),
    disable_corrector: z.array(z.int()).default([]),
    solver_p: z.undefined().optional(),
    shift_terminal: z.undefined().optional(),
  })
  .check(flowCheck)
  .refine((settings) => settings.predict_x0 || settings.prediction_type !== 'flow_prediction', {
    path: ['prediction_type'],
    error: 'not defined with predict_x0 false',
  });
type Settings = z.infer<typeof unipcSettings>;

/**
 * Unified predictor–corrector, https://arxiv.org/abs/2302.04867: each output first corrects the sample
 * that it was computed from, then predicts the next. Equal to diffusers' `UniPCMultistepScheduler`.
 */
export function createUnipc(settings: Settings, run: Run): Solver {
  const { timesteps, levels } = noiseLevels(settings, run.steps);
  const calls = timesteps.length;
  const outputs = createRecentOutputs(settings.solver_order);
  const convert = settings.predict_x0 ? convertToOriginal : convertToNoise;
  // Thresholds are for x₀.
  const bounded = { ...settings, thresholding: settings.thresholding && settings.predict_x0 };
  /** The sample that the last prediction began with. */
  let started = new Float32Array(0);

  const orderAt = (call: number) => {
    const left = settings.lower_order_final ? calls - call : settings.solver_order;
    return Math.min(settings.solver_order, left, call - run.begin + 1);
  };

  return {
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const output = new Float32Array(sample.length);
      convert(bounded, levels[call]!, { modelOutput, sample }, output);
      if (call > run.begin && !settings.disable_corrector.includes(call - 1)) {
        const stride = strideOf(settings, levels, call - 1, orderAt(call - 1));
        const { ratios, moments } = stride;
        const rhos = ratios.length === 0 ? [0.5] : solvePowers([...ratios, 1], moments);
        const change = difference(1, output, outputs.at(0));
        const derivatives = [...slopes(ratios, outputs), change];
        addTerms(termsOf(stride, [started, outputs.at(0)], rhos, derivatives), sample);
      }
      outputs.push(sample.length).set(output);
      started = sample.slice();
      const stride = strideOf(settings, levels, call, orderAt(call));
      const { ratios, moments } = stride;
      const rhos = ratios.length < 2 ? [0.5] : solvePowers(ratios, moments.slice(0, -1));
      const derivatives = slopes(ratios, outputs);
      addTerms(termsOf(stride, [started, outputs.at(0)], rhos, derivatives), sample);
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

/** One stride in λ: what it keeps of the sample, and how it weighs the last output and its changes. */
type Stride = {
  keep: number;
  first: number;
  scale: number;
  /** Of the strides to earlier outputs to this one; their number is the order less one. */
  ratios: number[];
  /** Right side of the equations for the weights of the changes, [order]. */
  moments: number[];
};

function strideOf(settings: Settings, levels: readonly Level[], at: number, order: number): Stride {
  const from = levels[at]!;
  const to = levels[at + 1]!;
  const h = f32(to.lambda - from.lambda);
  const signed = settings.predict_x0 ? -h : h;
  const growth = f32(Math.expm1(signed));
  const b = settings.solver_type === 'bh1' ? signed : growth;
  const gain = settings.predict_x0 ? to.alpha : to.sigma;
  const ratios = Array.from({ length: order - 1 }, (_, i) =>
    f32(f32(levels[at - 1 - i]!.lambda - from.lambda) / h),
  );
  const moments: number[] = [];
  let phi = f32(f32(growth / signed) - 1);
  let factorial = 1;
  for (let i = 1; i <= order; i++) {
    moments.push(f32(f32(phi * factorial) / b));
    factorial *= i + 1;
    phi = f32(f32(phi / signed) - f32(1 / factorial));
  }
  const keep = settings.predict_x0 ? to.sigma / from.sigma : to.alpha / from.alpha;
  return { keep: f32(keep), first: -f32(gain * growth), scale: -f32(gain * b), ratios, moments };
}

/** The stride's terms, with those of the derivatives added up first, as in diffusers. */
function termsOf(
  { keep, first, scale }: Stride,
  [from, newest]: [Float32Array, Float32Array],
  weights: readonly number[],
  derivatives: readonly Float32Array[],
): Term[] {
  const terms: Term[] = [
    [keep, from],
    [first, newest],
  ];
  if (derivatives.length === 0) return terms;
  const sum = new Float32Array(from.length);
  addTerms(
    derivatives.map((values, k) => [weights[k]!, values]),
    sum,
  );
  return [...terms, [scale, sum]];
}

/** How the earlier outputs differ from the newest, by their distance in λ. */
const slopes = (ratios: readonly number[], outputs: RecentOutputs): Float32Array[] =>
  ratios.map((ratio, i) => {
    const newest = outputs.at(0);
    return outputs.at(i + 1).map((value, j) => f32(value - newest[j]!) / ratio);
  });

/** The weights w for which Σ wⱼ · xⱼⁱ = momentᵢ, i from 0, by elimination. */
function solvePowers(points: readonly number[], moments: readonly number[]): number[] {
  const rows = moments.map((moment, i) => [...points.map((x) => f32(x ** i)), moment]);
  for (const [i, row] of rows.entries()) {
    for (const other of rows) {
      if (other === row) continue;
      const factor = other[i]! / row[i]!;
      for (let j = i; j < other.length; j++) other[j] = other[j]! - factor * row[j]!;
    }
  }
  return rows.map((row, i) => f32(row[points.length]! / row[i]!));
}

function noiseLevels(settings: Settings, steps: number) {
  const training = trainingSigmas(cumulativeAlphas(settings, { keepFinite: true }));
  const laidOut = solverTimesteps(settings, steps);
  const spaced = solverSigmas(settings, steps, laidOut, training);
  if (spaced.by === 'flow') Object.assign(spaced, flowSigmas(settings, steps));
  const lowest = spaced.by === 'timesteps' ? training[0]! : spaced.sigmas[steps - 1]!;
  const final = settings.final_sigmas_type === 'sigma_min' ? lowest : 0;
  return {
    timesteps: Float32Array.from(spaced.timesteps),
    levels: Array.from(withFinalSigma(spaced.sigmas, final), (sigma) =>
      levelOf(sigma, settings.use_flow_sigmas),
    ),
  };
}

/** This class alone begins at pure noise, but for a millionth, which keeps the log-SNR finite. */
function flowSigmas({ flow_shift, num_train_timesteps: train }: Settings, steps: number) {
  const sigmas = linspace(1, 1 / train, steps + 1)
    .map((sigma) => shifted(sigma, flow_shift))
    .subarray(0, steps);
  if (Math.abs(sigmas[0]! - 1) < 1e-6) sigmas[0] = sigmas[0]! - 1e-6;
  return { sigmas, timesteps: wholeFlowTimesteps(sigmas, train) };
}
