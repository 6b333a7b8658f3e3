import { z } from 'zod';
import { addTerms, type Term } from './dpm-solver.ts';
import { addNoiseByLevels, type Level, levelOf, solverSigmas, solverTimesteps } from './log-snr.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { createRecentOutputs } from './recent-outputs.ts';
import { type Run, type Solver, unscaled } from './scheduler.ts';
import {
  flowCheck,
  noiseSettings,
  respacingSettings,
  solverSettings,
  spacingSettings,
  thresholdSettings,
} from './settings.ts';
import { trainingSigmas, withFinalSigma } from './sigmas.ts';
import { convertToOriginal, noiseFromOriginal } from './solver-output.ts';

const f32 = Math.fround;

export const deisSettings = z
  .object({
    ...noiseSettings(),
    ...spacingSettings('linspace'),
    ...respacingSettings,
    ...solverSettings,
    ...thresholdSettings,
    // Other classes' names are taken for the one there is, as diffusers takes them.
    algorithm_type: z.enum(['deis', 'dpmsolver', 'dpmsolver++']).default('deis'),
    solver_type: z.enum(['logrho', 'midpoint', 'heun', 'bh1', 'bh2']).default('logrho'),
    lower_order_final: z.boolean().default(true),
  })
  .check(flowCheck);
type Settings = z.infer<typeof deisSettings>;

/**
 * Diffusion exponential integrator sampler, https://arxiv.org/abs/2204.13902, with polynomials in
 * log ρ, ρ = sigma ÷ alpha, of first to third order. Equal to diffusers' `DEISMultistepScheduler`.
 */
export function createDeis(settings: Settings, run: Run): Solver {
  const { timesteps, levels } = noiseLevels(settings, run.steps);
  const calls = timesteps.length;
  const outputs = createRecentOutputs(settings.solver_order);
  const isShort = settings.lower_order_final && calls < 15;

  const orderAt = (call: number) =>
    Math.min(
      settings.solver_order,
      call - run.begin + 1,
      isShort ? calls - call : settings.solver_order,
    );

  return {
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(call, modelOutput, sample) {
      const from = levels[call]!;
      const to = levels[call + 1]!;
      const output = outputs.push(sample.length);
      convertToOriginal(settings, from, { modelOutput, sample }, output);
      noiseFromOriginal(from, sample, output);
      const order = orderAt(call);
      if (order === 1) {
        const growth = f32(f32(Math.exp(f32(to.lambda - from.lambda))) - 1);
        const keep = f32(to.alpha / from.alpha);
        addTerms(
          [
            [keep, sample],
            [-f32(to.sigma * growth), output],
          ],
          sample,
        );
        return;
      }
      const weights = integrals(levels, call, order);
      const terms: Term[] = weights.map((weight, age) => [weight, outputs.at(age)]);
      addTerms([[1, sample.map((x) => x / from.alpha)], ...terms], sample);
      for (let i = 0; i < sample.length; i++) sample[i] = to.alpha * sample[i]!;
    },
    addNoise: addNoiseByLevels(levels),
    history: outputs.copies,
    restore: outputs.restore,
  };
}

const log = (value: number) => f32(Math.log(value));
const rhoOf = ({ alpha, sigma }: Level) => f32(sigma / alpha);

/**
 * Over the stride ahead, the integral of each polynomial that is 1 at one of the last ρ and 0 at the
 * others, newest first. They differ little where strides are short, so each operation is rounded to
 * float32 as there.
 */
function integrals(levels: readonly Level[], call: number, order: number): number[] {
  const to = rhoOf(levels[call + 1]!);
  const from = rhoOf(levels[call]!);
  const nodes = Array.from({ length: order }, (_, age) => rhoOf(levels[call - age]!));
  return nodes.map((node, age) => {
    // Those after the node come first, in turn.
    const others = [...nodes.slice(age + 1), ...nodes.slice(0, age)];
    return f32(antiderivative(to, node, others) - antiderivative(from, node, others));
  });
}

function antiderivative(t: number, b: number, others: readonly number[]): number {
  const [c, d] = others as [number, number | undefined];
  if (d === undefined) {
    const numerator = f32(t * f32(f32(-log(c) + log(t)) - 1));
    return f32(numerator / f32(log(b) - log(c)));
  }
  const first = f32(log(c) * f32(f32(log(d) - log(t)) + 1));
  const second = f32(f32(first - f32(log(d) * log(t))) + log(d));
  const third = f32(f32(second + f32(log(t) * log(t))) - f32(2 * log(t)));
  const numerator = f32(t * f32(third + 2));
  return f32(numerator / f32(f32(log(b) - log(c)) * f32(log(b) - log(d))));
}

function noiseLevels(settings: Settings, steps: number) {
  const training = trainingSigmas(cumulativeAlphas(settings, { keepFinite: true }));
  const laidOut = solverTimesteps(settings, steps);
  const { sigmas, timesteps, by } = solverSigmas(settings, steps, laidOut, training);
  // Never 0, where ρ has no logarithm.
  const final = by === 'timesteps' ? training[0]! : sigmas[steps - 1]!;
  return {
    timesteps: Float32Array.from(timesteps),
    levels: Array.from(withFinalSigma(sigmas, final), (sigma) =>
      levelOf(sigma, settings.use_flow_sigmas),
    ),
  };
}
