import { ModelError } from '../model-error.ts';

const f32 = Math.fround;

/** What a schedule of betas is made from. */
export type NoiseSettings = {
  num_train_timesteps: number;
  beta_start: number;
  beta_end: number;
  beta_schedule: 'linear' | 'scaled_linear' | 'squaredcos_cap_v2' | 'exp' | 'laplace' | 'sigmoid';
  trained_betas?: number[] | undefined;
  rescale_betas_zero_snr?: boolean;
};

/**
 * ᾱ_t for every training timestep, [num_train_timesteps], float32 as torch computes it.
 *
 * @param options.keepFinite with rescaled betas, keeps the last ᾱ above 0, so that its sigma is finite
 */
export function cumulativeAlphas(
  config: NoiseSettings,
  options: { keepFinite: boolean },
): Float32Array {
  let betas = betasOf(config);
  if (config.rescale_betas_zero_snr) betas = rescaleZeroTerminalSnr(betas);
  const alphas = cumulativeProduct(betas.map((beta) => 1 - beta));
  // The smallest subnormal of float16, as in diffusers.
  if (config.rescale_betas_zero_snr && options.keepFinite) alphas[alphas.length - 1] = 2 ** -24;
  return alphas;
}

function betasOf(config: NoiseSettings): Float32Array {
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
      return betasOfAlphaBar(count, (t) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2);
    case 'exp':
      return betasOfAlphaBar(count, (t) => Math.exp(-12 * t));
    case 'laplace':
      return betasOfAlphaBar(count, laplaceAlphaBar);
    case 'sigmoid':
      return linspace(-6, 6, count).map((x) => {
        const sigmoid = f32(1 / f32(1 + f32(Math.exp(-x))));
        return f32(sigmoid * f32(end - start)) + f32(start);
      });
  }
}

/** `torch.linspace` in float32: from both ends to the middle, with fused multiply-add. */
export function linspace(from: number, to: number, count: number): Float32Array {
  const start = f32(from);
  const end = f32(to);
  const step = count === 1 ? 0 : f32(f32(end - start) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? start + step * i : end - step * (count - 1 - i),
  );
}

/** From a continuous ᾱ(t), t in [0, 1], as in https://arxiv.org/abs/2102.09672; betas capped at 0.999. */
function betasOfAlphaBar(count: number, alphaBar: (t: number) => number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
  );
}

function laplaceAlphaBar(t: number): number {
  const sign = 0.5 - t < 0 ? -1 : 1;
  const snr = Math.exp(-0.5 * sign * Math.log(1 - 2 * Math.abs(0.5 - t) + 1e-6));
  return Math.sqrt(snr / (1 + snr));
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
