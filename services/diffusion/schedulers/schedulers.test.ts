import { describe, expect, it } from 'vitest';
import { createTorchGenerator, type TorchGenerator } from '../random/torch-generator.ts';
import { arrayParity, readFixture, unpack } from '../test/fixtures.ts';
import { algorithms } from './algorithms.ts';
import { createScheduler } from './create-scheduler.ts';
import { linspace } from './numpy.ts';
import type { Scheduler } from './scheduler.ts';
import { parseSchedulerConfig } from './scheduler-config.ts';

/** One of test/reference/scheduler_cases.py, with what diffusers computes. */
type Case = {
  /** Absent: the configuration names its class. */
  name?: string;
  config: Record<string, unknown>;
  steps: number;
  strength?: number;
  spreadsSteps?: boolean;
  eta?: number;
  mu?: number;
  /** [calls]; fewer than the scheduler's where diffusers goes on otherwise. */
  timesteps: string;
  /** [calls + 1, SIZE] */
  trajectory: string;
  /** [calls - 1, SIZE]: the original with noise at each call but the first. */
  noised?: string;
};
const { cases, lastBits } = readFixture<{ cases: Case[]; lastBits: Case[] }>('schedulers.json');
const SIZE = 24;

describe('schedulers', () => {
  it.each(cases.map((value) => [titleOf(value), value] as const))(
    'go where diffusers goes: %s',
    (_title, reference) => {
      const { scheduler, trajectory, noise } = walk(reference);
      expect(arrayParity(trajectory, unpack(reference.trajectory))).toBeLessThanOrEqual(1e-4);

      const told = unpack(reference.timesteps);
      const { timesteps, begin } = scheduler;
      expect(timesteps.length - begin).toBe(told.length);
      expect(arrayParity(timesteps.subarray(begin), told)).toBeLessThanOrEqual(1e-5);

      if (reference.noised === undefined) return;
      const noised = unpack(reference.noised);
      const ours = new Float32Array(noised.length);
      for (let at = 0; at < noised.length; at += SIZE) {
        const call = begin + 1 + at / SIZE;
        scheduler.addNoise(original(), noise, call, ours.subarray(at, at + SIZE));
      }
      expect(arrayParity(ours, noised)).toBeLessThanOrEqual(1e-6);
    },
  );

  it.each(lastBits.map((value) => [titleOf(value), value] as const))(
    'go near where diffusers goes, as far as float32 decides it: %s',
    (_title, reference) => {
      const { scheduler, trajectory } = walk(reference);
      expect(arrayParity(trajectory, unpack(reference.trajectory))).toBeLessThanOrEqual(1e-3);
      for (const [call, t] of unpack(reference.timesteps).entries()) {
        expect(Math.abs(scheduler.timesteps[call]! - t)).toBeLessThanOrEqual(1);
      }
    },
  );

  it('are held against diffusers under hundreds of configurations, each by name', () => {
    const named = new Set(cases.map(({ name }) => name));
    expect(cases.length).toBeGreaterThanOrEqual(300);
    for (const { name } of algorithms) expect(named).toContain(name);
  });
});

const titleOf = ({ name, config, timesteps, trajectory, noised, ...run }: Case): string => {
  const settings = Object.entries(config).map(
    ([key, value]) => `${key}=${Array.isArray(value) ? `[${value.length}]` : value}`,
  );
  const about = Object.entries(run).map(([key, value]) => `${key} ${value}`);
  return [name ?? 'its own', ...about, ...settings].join(' ');
};

function schedulerOf({ config, ...choice }: Case, random: TorchGenerator): Scheduler {
  return createScheduler(parseSchedulerConfig(config), { ...choice, random });
}

const original = () => Float32Array.from(linspace(-2, 2, SIZE));

/** The whole run, or as much of it as the reference has. */
function walk(reference: Case) {
  const random = createTorchGenerator(0);
  const scheduler = schedulerOf(reference, random);
  const { sample, noise } = startOf(scheduler, reference, random);
  const trajectory = new Float32Array(unpack(reference.trajectory).length);
  trajectory.set(sample);
  for (let done = 0; done < trajectory.length / SIZE - 1; done++) {
    takeStep(scheduler, scheduler.begin + done, sample);
    trajectory.set(sample, (done + 1) * SIZE);
  }
  return { scheduler, trajectory, noise };
}

/** As pipelines begin: from noise, or from the original with noise. */
function startOf(scheduler: Scheduler, { strength }: Case, random: TorchGenerator) {
  const noise = new Float32Array(SIZE);
  const sample = original();
  if (strength === undefined) {
    return { noise, sample: sample.map((x) => x * scheduler.initialNoiseSigma) };
  }
  random.randn(noise);
  scheduler.addNoise(original(), noise, scheduler.begin, sample);
  return { noise, sample };
}

/** With the model of diffusers' scheduler tests: x · t ÷ (t + 1). */
function takeStep(scheduler: Scheduler, call: number, sample: Float32Array): void {
  const t = scheduler.timesteps[call]!;
  const output = new Float32Array(sample.length);
  scheduler.scaleModelInput(call, sample, output);
  scheduler.step(
    call,
    output.map((x) => Math.fround(x * t) / Math.fround(t + 1)),
    sample,
  );
}
