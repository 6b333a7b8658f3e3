import { describe, expect, it } from 'vitest';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { arrayParity, readFixture, unpack } from '../test/fixtures.ts';
import { createScheduler } from './create-scheduler.ts';
import { linspace } from './numpy.ts';
import type { Scheduler } from './scheduler.ts';
import { parseSchedulerConfig } from './scheduler-config.ts';

type Case = {
  name: string;
  config: Record<string, unknown>;
  steps: number;
  timesteps: string;
  trajectory: string;
};
const cases = readFixture<Case[]>('schedulers.json').map((value) => ({
  ...value,
  title: `${value.name}, ${value.steps} steps, ${describeConfig(value.config)}`,
}));

describe('schedulers', () => {
  it.each(cases)('$title: go where diffusers goes', (reference) => {
    const scheduler = schedulerOf(reference);
    const sample = startOf(scheduler);
    const trajectory = new Float32Array((reference.steps + 1) * sample.length);
    trajectory.set(sample);
    for (let step = 0; step < reference.steps; step++) {
      takeStep(scheduler, step, sample);
      trajectory.set(sample, (step + 1) * sample.length);
    }
    expect(arrayParity(scheduler.timesteps, unpack(reference.timesteps))).toBeLessThanOrEqual(1e-6);
    expect(arrayParity(trajectory, unpack(reference.trajectory))).toBeLessThanOrEqual(1e-5);
  });

  it.each(['euler', 'euler-ancestral', 'ddim', 'dpmpp-2m'])(
    '%s goes on from what it and the generator remember, to the same bits',
    (name) => {
      const config = parseSchedulerConfig({});
      const steps = 6;
      const random = createTorchGenerator(0);
      const whole = createScheduler(config, { name, steps, random });
      const sample = startOf(whole);
      for (let step = 0; step < 3; step++) takeStep(whole, step, sample);

      const copy = sample.slice();
      const resumed = createScheduler(config, {
        name,
        steps,
        random: createTorchGenerator(random.state()),
      });
      resumed.restore(whole.history());
      for (let step = 3; step < steps; step++) {
        takeStep(whole, step, sample);
        takeStep(resumed, step, copy);
      }
      expect(copy).toEqual(sample);
    },
  );
});

/** diffusers' own tests assert these sums and means over |x|, tests/schedulers/test_scheduler_*.py. */
describe('sums that diffusers publishes', () => {
  const beta = { beta_start: 0.0001, beta_end: 0.02, beta_schedule: 'linear' };
  const dpm = { ...beta, lower_order_final: false, final_sigmas_type: 'sigma_min' };
  const euler = { ...beta, num_train_timesteps: 1100 };

  it.each([
    ['euler', euler, 'sum', 10.0807],
    ['euler', { ...euler, use_karras_sigmas: true }, 'sum', 124.52299],
    ['euler-ancestral', euler, 'sum', 152.3192],
    ['ddim', beta, 'sum', 172.0067],
    ['dpmpp-2m', dpm, 'mean', 0.3301],
    [
      'dpmpp-2m',
      { ...dpm, prediction_type: 'v_prediction', use_karras_sigmas: true },
      'mean',
      0.2096,
    ],
  ] as const)('%s with %o: %s %d', (name, config, kind, expected) => {
    const random = createTorchGenerator(0);
    const parsed = parseSchedulerConfig(config);
    const scheduler = createScheduler(parsed, { name, steps: 10, random });
    const sample = publishedSample().map((x) => x * scheduler.initialNoiseSigma);
    for (let step = 0; step < 10; step++) {
      // Those tests go on with the scaled sample; pipelines do not.
      scheduler.scaleModelInput(step, sample.slice(), sample);
      scheduler.step(step, model(sample, scheduler.timesteps[step]!), sample);
    }
    const sum = sample.reduce((total, value) => total + Math.abs(value), 0);
    expect(Math.abs((kind === 'sum' ? sum : sum / sample.length) - expected)).toBeLessThan(
      kind === 'sum' ? 1e-2 : 1e-3,
    );
  });
});

function describeConfig(config: Record<string, unknown>): string {
  return Object.entries(config)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? `[${value.length}]` : value}`)
    .join(' ');
}

function schedulerOf({ name, config, steps }: Case): Scheduler {
  return createScheduler(parseSchedulerConfig(config), {
    name,
    steps,
    random: createTorchGenerator(0),
  });
}

const startOf = (scheduler: Scheduler) =>
  Float32Array.from(linspace(-2, 2, 24), (x) => x * scheduler.initialNoiseSigma);

/** With the model of diffusers' scheduler tests: x · t ÷ (t + 1). */
function takeStep(scheduler: Scheduler, step: number, sample: Float32Array): void {
  const t = scheduler.timesteps[step]!;
  const output = new Float32Array(sample.length);
  scheduler.scaleModelInput(step, sample, output);
  scheduler.step(step, model(output, t), sample);
}

const model = (sample: Float32Array, t: number) => sample.map((x) => Math.fround(x * t) / (t + 1));

/** arange(768) ÷ 768 in shape (3, 8, 8, 4), with the last axis brought to the front. */
function publishedSample(): Float32Array {
  return Float32Array.from({ length: 768 }, (_, i) => ((i % 192) * 4 + Math.floor(i / 192)) / 768);
}
