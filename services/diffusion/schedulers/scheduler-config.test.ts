import { describe, expect, it } from 'vitest';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { createScheduler } from './create-scheduler.ts';
import { parseSchedulerConfig } from './scheduler-config.ts';

describe('parseSchedulerConfig', () => {
  it.each([
    ['thresholding', true],
    ['use_exponential_sigmas', true],
    ['use_beta_sigmas', true],
    ['use_lu_lambdas', true],
    ['use_flow_sigmas', true],
    ['interpolation_type', 'log_linear'],
    ['timestep_type', 'continuous'],
    ['variance_type', 'learned_range'],
    ['algorithm_type', 'sde-dpmsolver++'],
    ['solver_order', 3],
    ['solver_type', 'rk4'],
    ['beta_schedule', 'sigmoid'],
    ['prediction_type', 'flow_prediction'],
    ['timestep_spacing', 'even'],
    ['final_sigmas_type', 'last'],
    ['num_train_timesteps', 0],
  ])('refuses %s %o by name and value', (key, value) => {
    expect(() => parseSchedulerConfig({ [key]: value })).toThrow(
      `${key} is ${JSON.stringify(value)}`,
    );
  });

  it('names every problem at once', () => {
    const both = { thresholding: true, solver_order: 3 };
    expect(() => parseSchedulerConfig(both)).toThrow(/solver_order is 3.*thresholding is true/);
  });

  it('takes null for what is not set, as diffusers writes it', () => {
    const config = parseSchedulerConfig({ trained_betas: null, sigma_min: null });
    expect(config.trained_betas).toBeUndefined();
  });

  it('refuses betas that do not fit the timesteps', () => {
    const config = parseSchedulerConfig({ trained_betas: [0.1, 0.2] });
    const choice = { name: 'ddim', steps: 2, random: createTorchGenerator(0) };
    expect(() => createScheduler(config, choice)).toThrow(
      'trained_betas has 2 values for 1000 timesteps',
    );
  });
});

describe('createScheduler', () => {
  const random = createTorchGenerator(0);

  it('never takes more steps than were asked for, nor an untrained timestep', () => {
    const config = parseSchedulerConfig({ timestep_spacing: 'trailing' });
    for (const name of ['euler', 'euler-ancestral', 'ddim', 'dpmpp-2m']) {
      for (const steps of [1, 61, 103, 397, 999, 1000]) {
        const { timesteps } = createScheduler(config, { name, steps, random });
        expect(timesteps).toHaveLength(steps);
        expect(Math.min(...timesteps)).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it('refuses a first timestep beyond those that were trained', () => {
    const config = parseSchedulerConfig({ steps_offset: 1 });
    expect(() => createScheduler(config, { name: 'ddim', steps: 1000, random })).toThrow(
      '1000 steps begin at timestep 1000',
    );
  });
});
