import { ModelError } from '../model-error.ts';
import { cumulativeAlphas } from './noise-schedule.ts';
import { roundHalfToEven } from './numpy.ts';
import { originalSample, predictOriginal } from './prediction.ts';
import { type Scheduler, unscaled } from './scheduler.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { karrasSigmas, sigmasAt, timestepOf, trainingSigmas, withFinalSigma } from './sigmas.ts';
import { leadingTimesteps, linspaceTimesteps, trailingTimesteps } from './timesteps.ts';

const f32 = Math.fround;

/**
 * DPM-Solver++(2M), https://arxiv.org/abs/2211.01095: a multistep solver of second order on the
 * predicted x₀. Equal to diffusers' `DPMSolverMultistepScheduler` with `dpmsolver++`; scalars are
 * rounded to float32 where torch rounds them, because short strides in log-SNR amplify the rest.
 */
export function createDpmpp2m(config: SchedulerConfig, steps: number): Scheduler {
  const { timesteps, sigmas } = noiseLevels(config, steps);
  const order = config.solver_order ?? 2;
  const heun = config.solver_type === 'heun';
  /** x₀ as predicted at this step and the one before. */
  let current = new Float32Array(0);
  let previous = new Float32Array(0);

  const isFirstOrder = (step: number) => {
    const isLast = step === steps - 1;
    const lowOrderEnd =
      config.euler_at_final ||
      (config.lower_order_final && steps < 15) ||
      config.final_sigmas_type === 'zero';
    return order === 1 || step === 0 || (isLast && lowOrderEnd);
  };

  return {
    timesteps,
    initialNoiseSigma: 1,
    scaleModelInput: unscaled,
    step(step, modelOutput, sample) {
      const at = logSnr(sigmas[step]!);
      const next = logSnr(sigmas[step + 1]!);
      const prediction = originalSample(config.prediction_type, at.alpha, at.sigma);
      if (current.length !== sample.length) {
        current = new Float32Array(sample.length);
        previous = new Float32Array(sample.length);
      }
      [previous, current] = [current, previous];

      const h = f32(next.lambda - at.lambda);
      const decay = f32(f32(Math.exp(-h)) - 1);
      const keep = f32(next.sigma / at.sigma);
      const gain = -f32(next.alpha * decay);
      if (isFirstOrder(step)) {
        for (let i = 0; i < sample.length; i++) {
          const x = sample[i]!;
          const original = predictOriginal(prediction, x, modelOutput[i]!);
          current[i] = original;
          sample[i] = f32(keep * x) + f32(gain * original);
        }
        return;
      }
      const before = logSnr(sigmas[step - 1]!);
      const slope = f32(1 / f32(f32(at.lambda - before.lambda) / h));
      const bend = heun ? f32(next.alpha * f32(f32(decay / h) + 1)) : gain / 2;
      for (let i = 0; i < sample.length; i++) {
        const x = sample[i]!;
        const original = predictOriginal(prediction, x, modelOutput[i]!);
        current[i] = original;
        const change = f32(slope * f32(original - previous[i]!));
        sample[i] = f32(f32(keep * x) + f32(gain * original)) + f32(bend * change);
      }
    },
    history: () => (current.length === 0 ? [] : [current.slice()]),
    restore([last]) {
      if (last === undefined) return;
      current = last.slice();
      previous = new Float32Array(last.length);
    },
  };
}

/** x_t = alpha · x₀ + sigma · noise and λ = log(alpha ÷ sigma), for a sigma of the Euler scale. */
function logSnr(ratio: number): { alpha: number; sigma: number; lambda: number } {
  const alpha = f32(1 / f32(Math.sqrt(f32(f32(ratio * ratio) + 1))));
  const sigma = f32(ratio * alpha);
  return { alpha, sigma, lambda: f32(f32(Math.log(alpha)) - f32(Math.log(sigma))) };
}

function noiseLevels(config: SchedulerConfig, steps: number) {
  const alphas = cumulativeAlphas(config, { keepFinite: true });
  const training = trainingSigmas(alphas);
  let timesteps = spacedTimesteps(config, steps, alphas);
  let spaced: Float64Array;
  if (config.use_karras_sigmas) {
    const highest = config.sigma_max ?? training[training.length - 1]!;
    spaced = karrasSigmas(highest, config.sigma_min ?? training[0]!, steps);
    timesteps = spaced.map((sigma) => {
      const t = timestepOf(sigma, training);
      // The model is told whole timesteps; the cosine schedule truncates where others round.
      return config.beta_schedule === 'squaredcos_cap_v2' ? Math.trunc(t) : roundHalfToEven(t);
    });
  } else {
    spaced = sigmasAt(timesteps, training);
  }
  if (timesteps.length !== steps) {
    throw new ModelError(
      'The scheduler cannot take so many steps',
      `lambda_min_clipped ${config.lambda_min_clipped} leaves ${timesteps.length} of ${steps} trailing timesteps`,
      'Use another timestep_spacing in scheduler/scheduler_config.json',
    );
  }
  return {
    timesteps: Float32Array.from(timesteps),
    sigmas: withFinalSigma(spaced, config, training[0]!),
  };
}

/** One timestep more than steps is laid out and the lowest left off, but for trailing. */
function spacedTimesteps(
  config: SchedulerConfig,
  steps: number,
  alphas: Float32Array,
): Float64Array {
  const train = config.num_train_timesteps;
  const clipped = alphas.filter(
    (alpha) =>
      Math.log(Math.sqrt(alpha)) - Math.log(Math.sqrt(1 - alpha)) < config.lambda_min_clipped,
  ).length;
  const last = train - clipped;
  switch (config.timestep_spacing ?? 'linspace') {
    case 'linspace':
      return linspaceTimesteps(last - 1, steps + 1)
        .map(roundHalfToEven)
        .subarray(0, steps);
    case 'leading':
      return leadingTimesteps(last, steps + 1, config.steps_offset).subarray(0, steps);
    case 'trailing':
      return trailingTimesteps(train, steps, last);
  }
}
