import { describe, expect, it } from 'vitest';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { algorithms } from './algorithms.ts';
import { createScheduler, type SchedulerChoice } from './create-scheduler.ts';
import { parseSchedulerConfig } from './scheduler-config.ts';

const create = (config: unknown, choice: Partial<SchedulerChoice> = {}) =>
  createScheduler(parseSchedulerConfig(config), {
    steps: 10,
    random: createTorchGenerator(0),
    ...choice,
  });

describe('parseSchedulerConfig', () => {
  it.each([
    ['thresholding', 'yes'],
    ['num_train_timesteps', 0],
    ['num_train_timesteps', 1e9],
    ['beta_start', '0.1'],
    ['trained_betas', [0.1, null]],
    ['prediction_type', 1],
    ['sigma_min', -1],
    ['steps_offset', 0.5],
    ['dynamic_thresholding_ratio', 2],
  ])('refuses %s %o, which makes no sense, by name and value', (key, value) => {
    expect(() => parseSchedulerConfig({ [key]: value })).toThrow(key);
    expect(() => parseSchedulerConfig({ [key]: value })).toThrow('Correct these');
  });

  it('names every problem at once', () => {
    const both = { thresholding: 'yes', solver_order: 0 };
    expect(() => parseSchedulerConfig(both)).toThrow(/thresholding is "yes".*solver_order is 0/);
  });

  it('takes null for what is not set, as diffusers writes it', () => {
    const config = parseSchedulerConfig({ trained_betas: null, sigma_min: null });
    expect(config.trained_betas).toBeUndefined();
  });
});

describe('what a scheduler does not compute', () => {
  it.each([
    ['euler', 'prediction_type', 'flow_prediction'],
    ['euler', 'interpolation_type', 'cubic'],
    ['euler', 'timestep_type', 'sigma'],
    ['euler', 'timestep_spacing', 'even'],
    ['euler', 'final_sigmas_type', 'last'],
    ['euler', 'beta_schedule', 'sigmoid'],
    ['euler-ancestral', 'prediction_type', 'sample'],
    ['kdpm2', 'prediction_type', 'sample'],
    ['pndm', 'prediction_type', 'sample'],
    ['ddpm', 'variance_type', 'learned_range'],
    ['ddpm', 'variance_type', 'fixed_large_log'],
    ['dpmpp-2m', 'solver_type', 'rk4'],
    ['dpmpp-2m', 'solver_order', 4],
    ['dpmpp-2m', 'variance_type', 'learned'],
    ['dpmpp-2m', 'use_dynamic_shifting', true],
    ['deis', 'algorithm_type', 'sde-dpmsolver++'],
    ['unipc', 'solver_type', 'euler'],
    ['unipc', 'shift_terminal', 0.1],
    ['unipc', 'solver_p', { _class_name: 'DDIMScheduler' }],
  ])('%s refuses %s %o by name and value', (name, key, value) => {
    expect(() => create({ [key]: value }, { name })).toThrow(
      `${name} does not compute these settings of the model: ${key} is ${JSON.stringify(value)}`,
    );
  });

  it.each([
    [{ algorithm_type: 'dpmsolver' }, 'final_sigmas_type is undefined (zero is not defined for'],
    [
      { algorithm_type: 'sde-dpmsolver', final_sigmas_type: 'sigma_min', solver_order: 3 },
      'solver_order is 3 (sde-dpmsolver has no third order)',
    ],
  ])('DPM-Solver of %o is refused: %s', (config, message) => {
    const own = { _class_name: 'DPMSolverMultistepScheduler', ...config };
    expect(() => create(own)).toThrow(message);
    // Who names the algorithm asks for DPM-Solver++.
    expect(create(own, { name: 'dpmpp-2m' }).timesteps).toHaveLength(10);
  });

  it.each(['deis', 'unipc', 'dpmpp-2m', 'dpmpp-2m-sde', 'dpmpp-single'])(
    '%s computes flow matching whole or not at all',
    (name) => {
      const prediction_type = 'flow_prediction';
      expect(() => create({ prediction_type }, { name })).toThrow(
        'prediction_type is "flow_prediction" (not defined without use_flow_sigmas)',
      );
      const flow = { prediction_type, use_flow_sigmas: true };
      expect(() => create(flow, { name, karras: true })).toThrow(
        'use_karras_sigmas is true (not defined with use_flow_sigmas)',
      );
      expect(create(flow, { name }).timesteps).toHaveLength(10);
    },
  );

  it('does not stand in the way of another scheduler', () => {
    const config = { _class_name: 'DDPMScheduler', variance_type: 'learned_range' };
    expect(() => create(config)).toThrow('variance_type is "learned_range"');
    expect(create(config, { name: 'euler' }).timesteps).toHaveLength(10);
  });

  it('names the class that is not built in, and lets another be asked for', () => {
    const config = { _class_name: 'EDMEulerScheduler' };
    expect(() => create(config)).toThrow(
      "the model's own scheduler is EDMEulerScheduler, which is not built in. Choose one of euler,",
    );
    expect(create(config, { name: 'ddim' }).timesteps).toHaveLength(10);
  });

  it('refuses noise levels laid out in two ways, but for who asks for one', () => {
    const both = { use_beta_sigmas: true, use_exponential_sigmas: true };
    expect(() => create(both, { name: 'euler' })).toThrow(
      'use_exponential_sigmas is true; use_beta_sigmas is true',
    );
    const asked = create(both, { name: 'euler', karras: true });
    expect(asked.timesteps).toEqual(create({}, { name: 'euler', karras: true }).timesteps);
  });

  it.each([
    ['ddim', { trained_betas: [0.1, 0.2] }, {}, 'trained_betas has 2 values for 1000 timesteps'],
    ['ddim', { steps_offset: 1 }, { steps: 1000 }, '1000 steps begin at timestep 1000'],
    ['lcm', {}, { steps: 51 }, 'more than the 50 that the model was distilled on'],
    ['tcd', { original_inference_steps: 2000 }, {}, 'original_inference_steps is 2000'],
    ['pndm', {}, { steps: 3 }, 'skip_prk_steps is false, and pndm then needs more than 3 steps'],
    ['flow-match-euler', { use_dynamic_shifting: true }, {}, 'use_dynamic_shifting is true'],
    ['euler', {}, { strength: 0.05 }, 'strength 0.05 leaves none of 10 steps'],
    ['euler', {}, { strength: 1.5 }, 'Ask for a strength above 0 and at most 1'],
    [
      'lcm',
      {},
      { steps: 11, strength: 0.2, spreadsSteps: true },
      '11 steps are more than the 10 that strength 0.2 leaves of the 50',
    ],
    ['tcd', {}, { eta: 2 }, 'eta is 2'],
  ])('%s with %o and %o: %s', (name, config, choice, message) => {
    expect(() => create(config, { name, ...choice })).toThrow(message);
  });
});

it('one class serves two names, by its algorithm type', () => {
  const own = { _class_name: 'DPMSolverMultistepScheduler', use_karras_sigmas: true };
  const sde = { ...own, algorithm_type: 'sde-dpmsolver++' };
  expect(firstStep(sde)).toEqual(firstStep(own, 'dpmpp-2m-sde'));
  expect(firstStep(own)).toEqual(firstStep(sde, 'dpmpp-2m'));
  expect(firstStep(sde)).not.toEqual(firstStep(own));

  function firstStep(config: unknown, name?: string): Float32Array {
    const sample = Float32Array.of(1, 2, 3);
    create(config, { name }).step(0, Float32Array.of(0.1, 0.2, 0.3), sample);
    return sample;
  }
});

it('never takes more steps than were asked for, nor an untrained timestep', () => {
  for (const { name } of algorithms.filter(({ order }) => order === 1)) {
    // Trained schedules of these have fewer steps than some counts here.
    const config = { timestep_spacing: 'trailing', original_inference_steps: 1000 };
    for (const steps of [61, 103, 397, 999, 1000]) {
      const scheduler = create({ ...config, skip_prk_steps: true }, { name, steps });
      expect(scheduler.timesteps).toHaveLength(name === 'pndm' ? steps + 1 : steps);
      expect(Math.min(...scheduler.timesteps), name).toBeGreaterThanOrEqual(0);
    }
  }
});

it('begins late by as many steps as the strength leaves out, in calls', () => {
  const begin = (name: string, steps: number, strength: number) =>
    create({}, { name, steps, strength }).begin;
  expect(begin('euler', 10, 0.8)).toBe(2);
  expect(begin('heun', 10, 0.8)).toBe(4);
  expect(begin('kdpm2', 5, 0.7)).toBe(4);
  expect(begin('ddim', 50, 1)).toBe(0);
});

it('spreads the steps over what the strength leaves where that is asked for and can be', () => {
  const timesteps = (name: string) => {
    const { timesteps, begin } = create({}, { name, steps: 4, strength: 0.5, spreadsSteps: true });
    return [...timesteps.subarray(begin)];
  };
  expect(timesteps('lcm')).toEqual([499, 379, 259, 139]);
  expect(timesteps('tcd')).toEqual(timesteps('lcm'));
  expect(timesteps('ddim')).toHaveLength(2);
});
