import { ModelError } from '../model-error.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

const f32 = Math.fround;

/**
 * ᾱ_t for every training timestep, [num_train_timesteps], float32 as torch computes it.
 *
 * @param options.keepFinite with rescaled betas, keeps the last ᾱ above 0, so that its sigma is finite
 */
export function cumulativeAlphas(
  config: SchedulerConfig,
  options: { keepFinite: boolean },
): Float32Array {
  let betas = betasOf(config);
  if (config.rescale_betas_zero_snr) betas = rescaleZeroTerminalSnr(betas);
  const alphas = cumulativeProduct(betas.map((beta) => 1 - beta));
  // The smallest subnormal of float16, as in diffusers.
  if (config.rescale_betas_zero_snr && options.keepFinite) alphas[alphas.length - 1] = 2 ** -24;
  return alphas;
}

function betasOf(config: SchedulerConfig): Float32Array {
  const { beta_start: start, beta_end: end, num_train_timesteps: count } = config;
  if (config.trained_betas !== undefined) {
    if (config.trained_betas.length !== count) {
      throw new ModelError(
        'The scheduler configuration cannot be used',
        `trained_betas has ${config.trained_betas.length} values for ${count} timesteps`,
        'Give one beta for each of num_train_timesteps',
      );
    }
    return Float32Array.from(config.trained_betas);
  }
  switch (config.beta_schedule) {
    case 'linear':
      return linspace(start, end, count);
    case 'scaled_linear':
      return linspace(Math.sqrt(start), Math.sqrt(end), count).map((x) => x * x);
    case 'squaredcos_cap_v2':
      return cosineBetas(count);
  }
}

/** `torch.linspace` in float32: from both ends to the middle, with fused multiply-add. */
function linspace(from: number, to: number, count: number): Float32Array {
  const start = f32(from);
  const end = f32(to);
  const step = count === 1 ? 0 : f32(f32(end - start) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? start + step * i : end - step * (count - 1 - i),
  );
}

/** Nichol and Dhariwal, https://arxiv.org/abs/2102.09672, betas capped at 0.999. */
function cosineBetas(count: number): Float32Array {
  const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
  );
}

/** Algorithm 1 of Lin et al., https://arxiv.org/abs/2305.08891. */
function rescaleZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = cumulativeProduct(betas.map((beta) => 1 - beta)).map(Math.sqrt);
  const first = roots[0]!;
  const last = roots[roots.length - 1]!;
  const stretch = f32(first / f32(first - last));
  const alphasBar = roots.map((root) => f32(root - last) * stretch).map((root) => root * root);
  return alphasBar.map((value, i) => 1 - f32(i === 0 ? value : value / alphasBar[i - 1]!));
}

/** Accumulated in double precision and rounded on the way out, like torch's CPU `cumprod`. */
function cumulativeProduct(values: Float32Array): Float32Array {
  let product = 1;
  return values.map((value) => {
    product *= value;
    return product;
  });
}
