import { z } from 'zod';
import { ModelError } from '../model-error.ts';

/** diffusers writes null for what is not set. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

/** A setting that changes the mathematics in a way this engine does not compute. */
const only = <T extends z.core.util.Literal>(...values: T[]) => optional(z.literal(values));

/**
 * `scheduler_config.json` as diffusers writes it. A key that is absent takes the default of the
 * algorithm that runs, so defaults live with the algorithms; a value that the engine does not
 * compute is refused rather than ignored.
 */
const fileSchema = z.object({
  _class_name: optional(z.string()),
  num_train_timesteps: z.int().positive().max(100_000).default(1000),
  beta_start: z.number().default(0.0001),
  beta_end: z.number().default(0.02),
  beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default('linear'),
  trained_betas: optional(z.array(z.number()).min(1)),
  prediction_type: z.enum(['epsilon', 'v_prediction', 'sample']).default('epsilon'),
  timestep_spacing: optional(z.enum(['leading', 'linspace', 'trailing'])),
  steps_offset: z.int().min(0).default(0),
  rescale_betas_zero_snr: z.boolean().default(false),
  use_karras_sigmas: optional(z.boolean()),
  sigma_min: optional(z.number().positive()),
  sigma_max: optional(z.number().positive()),
  final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
  // DDIM
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  set_alpha_to_one: z.boolean().default(true),
  // DPM++ 2M
  solver_order: only(1, 2),
  solver_type: optional(z.enum(['midpoint', 'heun', 'logrho', 'bh1', 'bh2'])),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  lambda_min_clipped: z
    .union([z.number(), z.literal(Number.NEGATIVE_INFINITY)])
    .default(Number.NEGATIVE_INFINITY),
  algorithm_type: only('dpmsolver++', 'deis'),
  // Other mathematics
  thresholding: only(false),
  use_exponential_sigmas: only(false),
  use_beta_sigmas: only(false),
  use_lu_lambdas: only(false),
  use_flow_sigmas: only(false),
  use_dynamic_shifting: only(false),
  interpolation_type: only('linear'),
  timestep_type: only('discrete'),
  variance_type: only('fixed_small'),
});

export type SchedulerConfig = z.infer<typeof fileSchema>;

/**
 * @param value the parsed file
 * @throws ModelError naming every setting that is refused and its value
 */
export function parseSchedulerConfig(value: unknown): SchedulerConfig {
  const result = fileSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => {
    const found = path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    return `${path.join('.') || 'file'} is ${JSON.stringify(found)} (${message})`;
  });
  throw new ModelError(
    'The scheduler configuration cannot be used',
    problems.join('; '),
    'Set these in scheduler/scheduler_config.json to values that the engine computes',
  );
}
