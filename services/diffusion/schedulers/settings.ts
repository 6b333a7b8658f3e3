import { z } from 'zod';

/**
 * Settings that several algorithms have, with the defaults of diffusers' classes where these agree.
 * A value that an algorithm does not compute is not in its schema, and is refused.
 */

/** The noise that the model was trained with. Distilled models and the k-diffusion family begin elsewhere. */
export const noiseSettings = (
  start = 0.0001,
  end = 0.02,
  schedule: 'linear' | 'scaled_linear' = 'linear',
) => ({
  num_train_timesteps: z.int().default(1000),
  beta_start: z.number().default(start),
  beta_end: z.number().default(end),
  beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default(schedule),
  trained_betas: z.array(z.number()).optional(),
});

export const zeroSnrSetting = { rescale_betas_zero_snr: z.boolean().default(false) };

export type Spacing = 'leading' | 'linspace' | 'trailing';

export const spacingSettings = (spacing: Spacing) => ({
  timestep_spacing: z.enum(['leading', 'linspace', 'trailing']).default(spacing),
  steps_offset: z.int().default(0),
});

export const predictionSetting = {
  prediction_type: z.enum(['epsilon', 'v_prediction', 'sample']).default('epsilon'),
};

/** Noise levels laid out in other ways than with the timesteps. */
export const respacingSettings = {
  use_karras_sigmas: z.boolean().default(false),
  use_exponential_sigmas: z.boolean().default(false),
  use_beta_sigmas: z.boolean().default(false),
  sigma_min: z.number().optional(),
  sigma_max: z.number().optional(),
};

export const thresholdSettings = {
  thresholding: z.boolean().default(false),
  dynamic_thresholding_ratio: z.number().default(0.995),
  sample_max_value: z.number().default(1),
};

export const clipSettings = (clip: boolean) => ({
  clip_sample: z.boolean().default(clip),
  clip_sample_range: z.number().default(1),
});

export const finalSigmaSetting = {
  final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
};

/** Of the solvers in log-SNR: DPM-Solver, UniPC, DEIS. */
export const solverSettings = {
  solver_order: z.int().min(1).max(3).default(2),
  prediction_type: z
    .enum(['epsilon', 'v_prediction', 'sample', 'flow_prediction'])
    .default('epsilon'),
  use_flow_sigmas: z.boolean().default(false),
  flow_shift: z.number().default(1),
  // The shift would have to come with the picture's size.
  use_dynamic_shifting: z.literal(false).default(false),
};

/** Flow matching has noise levels of its own, and the levels their own prediction. */
export const flowCheck: z.core.CheckFn<{
  prediction_type: string;
  use_flow_sigmas: boolean;
  use_karras_sigmas: boolean;
  use_exponential_sigmas: boolean;
  use_beta_sigmas: boolean;
  use_lu_lambdas?: boolean;
}> = ({ value, issues }) => {
  const refuse = (key: keyof typeof value, message: string) =>
    issues.push({ code: 'custom', input: value, path: [key], message });
  if (!value.use_flow_sigmas) {
    if (value.prediction_type === 'flow_prediction') {
      refuse('prediction_type', 'not defined without use_flow_sigmas');
    }
    return;
  }
  for (const key of [
    'use_karras_sigmas',
    'use_exponential_sigmas',
    'use_beta_sigmas',
    'use_lu_lambdas',
  ] as const) {
    if (value[key]) refuse(key, 'not defined with use_flow_sigmas');
  }
};
