import { z } from 'zod';
import { ModelError } from '../model-error.ts';

/** diffusers writes null for what is not set. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

const flag = optional(z.boolean());
const word = optional(z.string());
const number = optional(z.number());
const count = optional(z.int());
const positive = optional(z.number().positive());

/**
 * `scheduler_config.json` as diffusers writes it: what a key may hold at all. Whether an algorithm
 * computes a value, and what it takes for an absent key, its own settings say when it is chosen.
 */
const fileSchema = z.object({
  _class_name: word,
  num_train_timesteps: optional(z.int().positive().max(100_000)),
  beta_start: number,
  beta_end: number,
  beta_schedule: word,
  trained_betas: optional(z.array(z.number()).min(1)),
  prediction_type: word,
  rescale_betas_zero_snr: flag,
  timestep_spacing: word,
  steps_offset: optional(z.int().min(0)),
  // Noise levels
  use_karras_sigmas: flag,
  use_exponential_sigmas: flag,
  use_beta_sigmas: flag,
  use_lu_lambdas: flag,
  sigma_min: positive,
  sigma_max: positive,
  final_sigmas_type: word,
  interpolation_type: word,
  timestep_type: word,
  // The predicted original
  clip_sample: flag,
  clip_sample_range: positive,
  thresholding: flag,
  dynamic_thresholding_ratio: optional(z.number().min(0).max(1)),
  sample_max_value: positive,
  set_alpha_to_one: flag,
  variance_type: word,
  // Multistep solvers
  solver_order: optional(z.int().positive()),
  solver_type: word,
  algorithm_type: word,
  lower_order_final: flag,
  euler_at_final: flag,
  lambda_min_clipped: optional(z.union([z.number(), z.literal(Number.NEGATIVE_INFINITY)])),
  predict_x0: flag,
  disable_corrector: optional(z.array(z.int())),
  solver_p: optional(z.unknown()),
  skip_prk_steps: flag,
  // Distilled models
  original_inference_steps: optional(z.int().positive()),
  timestep_scaling: positive,
  // Flow matching
  use_flow_sigmas: flag,
  flow_shift: positive,
  shift: positive,
  use_dynamic_shifting: flag,
  time_shift_type: word,
  shift_terminal: positive,
  invert_sigmas: flag,
  stochastic_sampling: flag,
  base_shift: number,
  max_shift: number,
  base_image_seq_len: count,
  max_image_seq_len: count,
});

export type SchedulerConfig = z.infer<typeof fileSchema>;

/**
 * @param value the parsed file
 * @throws ModelError naming every setting that makes no sense and its value
 */
export function parseSchedulerConfig(value: unknown): SchedulerConfig {
  const result = fileSchema.safeParse(value);
  if (result.success) return result.data;
  throw new ModelError(
    'The scheduler configuration cannot be used',
    describeIssues(result.error, value),
    'Correct these in scheduler/scheduler_config.json',
  );
}

/** Every key that is wrong, with its value and why. */
export function describeIssues(error: z.ZodError, value: unknown): string {
  const problems = error.issues.map(({ path, message }) => {
    const found = path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    return `${path.join('.') || 'file'} is ${JSON.stringify(found)} (${message})`;
  });
  return problems.join('; ');
}
