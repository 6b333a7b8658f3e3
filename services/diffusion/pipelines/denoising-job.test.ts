import { expect, it } from 'vitest';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { createScheduler } from '../schedulers/create-scheduler.ts';
import { parseSchedulerConfig } from '../schedulers/scheduler-config.ts';
import { createDenoisingJob } from './denoising-job.ts';

const dims = [1, 2, 2] as const;

function job(guidanceScale: number | undefined) {
  const random = createTorchGenerator(1);
  const config = parseSchedulerConfig({ clip_sample: false });
  const scheduler = createScheduler(config, { name: 'ddim', steps: 2, random });
  const initial = { latents: Float32Array.of(1, -1, 0.5, 0) };
  const conditioning = { guidanceScale, inputs: {} };
  return createDenoisingJob({ scheduler, random, conditioning, dims, initial });
}

it('asks for a sample with each of two texts, and guides from the first towards the second', () => {
  const guided = job(3);
  expect(guided.shape).toMatchObject({ samples: 2, input: dims, output: dims });
  const sample = new Float32Array(8);
  guided.writeSample(sample);
  expect([...sample]).toEqual([1, -1, 0.5, 0, 1, -1, 0.5, 0]);
  guided.accept(Float32Array.of(0, 1, 2, 3, 1, 1, 1, 1));

  // 0 + 3·(1 − 0), 1 + 3·(1 − 1), …
  const alone = job(undefined);
  expect(alone.shape.samples).toBe(1);
  alone.accept(Float32Array.of(3, 1, -1, -3));
  expect(guided.latents).toEqual(alone.latents);
});

it('tells the timestep of each call, and when none is left', () => {
  const run = job(undefined);
  expect(run.timestep).toBe(500);
  run.accept(new Float32Array(4));
  expect(run.state()).toMatchObject({ step: 1, steps: 2, latents: run.latents });
  expect(run.state().latents).not.toBe(run.latents);
  expect(run.timestep).toBe(0);
  run.accept(new Float32Array(4));
  expect(run.timestep).toBeUndefined();
});

it('refuses an output that is not finite', () => {
  const output = Float32Array.of(0, Number.NaN, 0, 0);
  expect(() => job(undefined).accept(output)).toThrow('NaN or infinity after step 1 of 2');
});
