const f32 = Math.fround;

/** How far from 0 the predicted original may lie. */
type Bounds = {
  clip_sample?: boolean;
  clip_sample_range?: number;
  thresholding?: boolean;
  dynamic_thresholding_ratio?: number;
  sample_max_value?: number;
};

/**
 * Keeps predicted originals within bounds, in place: by dynamic thresholding (section 2.3 of
 * https://arxiv.org/abs/2205.11487), else by clipping, else not at all.
 */
export function boundOriginals(originals: Float32Array, settings: Bounds): void {
  const { clip_sample_range: range = 1, sample_max_value: most = 1 } = settings;
  if (settings.thresholding) {
    const quantile = quantileOf(originals.map(Math.abs), settings.dynamic_thresholding_ratio ?? 1);
    const bound = Math.min(Math.max(quantile, 1), f32(most));
    clamp(originals, bound, bound);
  } else if (settings.clip_sample) clamp(originals, f32(range), 1);
}

function clamp(values: Float32Array, bound: number, divisor: number): void {
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.min(Math.max(values[i]!, -bound), bound) / divisor;
  }
}

/** `torch.quantile` in float32, between neighbours by straight lines; sorts `values`. */
function quantileOf(values: Float32Array, ratio: number): number {
  values.sort();
  const rank = f32(f32(ratio) * (values.length - 1));
  const low = Math.floor(rank);
  const weight = f32(rank - low);
  const below = values[low]!;
  const above = values[Math.min(low + 1, values.length - 1)]!;
  const stride = f32(above - below);
  return weight < 0.5
    ? f32(below + f32(weight * stride))
    : f32(above - f32(stride * f32(1 - weight)));
}
