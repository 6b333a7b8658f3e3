import { expect, it } from 'vitest';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { createScheduler, type SchedulerChoice } from './create-scheduler.ts';
import { parseSchedulerConfig } from './scheduler-config.ts';

/**
 * diffusers' own tests assert these sums and means over |x|, tests/schedulers/test_scheduler_*.py: an
 * oracle that is independent of the vectors that were made here.
 */
const beta = { beta_start: 0.0001, beta_end: 0.02, beta_schedule: 'linear' };
const long = { ...beta, num_train_timesteps: 1100 };
const multi = { ...beta, lower_order_final: false, final_sigmas_type: 'sigma_min' };
const single = { ...beta, final_sigmas_type: 'sigma_min' };
const distilled = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' };
const karras = { use_karras_sigmas: true };
const velocity = { prediction_type: 'v_prediction' };

type Choice = Partial<SchedulerChoice>;
const sums: [string, Record<string, unknown>, number, Choice?][] = [
  ['euler', long, 10.0807],
  ['euler', { ...long, ...karras }, 124.52299],
  ['euler', { ...long, ...velocity }, 0.0002],
  ['euler-ancestral', long, 152.3192],
  ['heun', long, 0.1233],
  ['heun', { ...long, ...karras }, 0.00015],
  ['lms', long, 1006.388],
  ['lms', { ...long, ...karras }, 3812.9927],
  ['kdpm2', long, 20.4125],
  ['kdpm2-ancestral', long, 13979.9433],
  ['kdpm2-ancestral', { ...long, ...velocity }, 331.8133],
  ['ddim', beta, 172.0067],
  ['ddim', { ...beta, ...velocity }, 52.5302],
  ['ddim', { ...beta, set_alpha_to_one: true, beta_start: 0.01 }, 149.8295],
  ['ddim', { ...beta, set_alpha_to_one: false, beta_start: 0.01 }, 149.0784],
  ['ddpm', beta, 258.9606, { steps: 1000 }],
  ['ddpm', { ...beta, ...velocity }, 202.0296, { steps: 1000 }],
  ['pndm', beta, 198.1318],
  ['pndm', { ...beta, ...velocity }, 67.3986],
  ['pndm', { ...beta, set_alpha_to_one: true, beta_start: 0.01 }, 230.0399],
  ['pndm', { ...beta, set_alpha_to_one: false, beta_start: 0.01 }, 186.9482],
  ['lcm', distilled, 18.7097, { steps: 1 }],
  ['lcm', distilled, 197.7616],
  ['tcd', distilled, 29.8715, { steps: 1, eta: 0 }],
  ['tcd', distilled, 181.204, { eta: 0 }],
];
const means: [string, Record<string, unknown>, number, Choice?][] = [
  ['dpmpp-2m', multi, 0.3301],
  ['dpmpp-2m', { ...multi, ...velocity }, 0.2251],
  ['dpmpp-2m', { ...multi, ...velocity, ...karras }, 0.2096],
  ['dpmpp-2m', { ...multi, ...velocity, use_lu_lambdas: true }, 0.1554],
  [
    'dpmpp-2m',
    { ...multi, thresholding: true, dynamic_thresholding_ratio: 0.87, sample_max_value: 0.5 },
    1.1364,
  ],
  ['dpmpp-single', single, 0.2574, { steps: 50 }],
  ['dpmpp-single', single, 0.2791],
  ['dpmpp-single', { ...single, ...karras }, 0.2248],
  ['dpmpp-single', { ...single, ...velocity }, 0.1453],
  ['dpmpp-single', { ...single, ...velocity, ...karras }, 0.0649],
  ['unipc', { ...beta, final_sigmas_type: 'sigma_min' }, 0.2464],
  ['unipc', { ...beta, final_sigmas_type: 'sigma_min', ...karras }, 0.2925],
  ['unipc', { ...beta, final_sigmas_type: 'sigma_min', ...velocity }, 0.1014],
  ['unipc', { ...beta, final_sigmas_type: 'sigma_min', ...velocity, ...karras }, 0.1966],
  ['deis', beta, 0.23916],
  ['deis', { ...beta, ...velocity }, 0.091],
];

it.each(sums)('%s with %o: the sum is %d', (name, config, expected, choice) => {
  expect(Math.abs(sumOf(run(name, config, choice)) - expected)).toBeLessThan(1e-2);
});

it.each(means)('%s with %o: the mean is %d', (name, config, expected, choice) => {
  const sample = run(name, config, choice);
  expect(Math.abs(sumOf(sample) / sample.length - expected)).toBeLessThan(1e-3);
});

/** Those of runs that begin at the fifth or eighth of ten steps, from a sample with noise. */
it.each([
  ['euler', long, 0.2, 57062.9297],
  ['lms', long, 0.2, 27663.6895],
  ['ddim', beta, 0.2, 354.5418],
  ['dpmpp-2m', multi, 0.5, 318.4111],
  ['dpmpp-single', single, 0.5, 269.2187],
  ['unipc', { ...beta, final_sigmas_type: 'sigma_min' }, 0.2, 315.5757],
  ['deis', beta, 0.2, 315.3016],
] as const)('%s with %o at strength %d: the sum is %d', (name, config, strength, expected) => {
  const sum = sumOf(run(name, config, { strength }));
  // Beside 57062 one bit of float32 is 4e-3.
  expect(Math.abs(sum - expected)).toBeLessThan(Math.max(1e-2, 1e-6 * expected));
});

const sumOf = (sample: Float32Array) => sample.reduce((sum, value) => sum + Math.abs(value), 0);

function run(name: string, config: Record<string, unknown>, choice: Choice = {}): Float32Array {
  const random = createTorchGenerator(0);
  const parsed = parseSchedulerConfig(config);
  const scheduler = createScheduler(parsed, { name, steps: 10, random, ...choice });
  const sample = publishedSample().map((x) => x * scheduler.initialNoiseSigma);
  if (choice.strength !== undefined) {
    scheduler.addNoise(sample.slice(), publishedNoise(), scheduler.begin, sample);
  }
  for (let call = scheduler.begin; call < scheduler.timesteps.length; call++) {
    // Those tests go on with the scaled sample; pipelines do not.
    scheduler.scaleModelInput(call, sample.slice(), sample);
    const t = scheduler.timesteps[call]!;
    const output = sample.map((x) => Math.fround(x * t) / Math.fround(t + 1));
    scheduler.step(call, output, sample);
  }
  return sample;
}

/** arange(768) ÷ 768 in shape (3, 8, 8, 4), with the last axis brought to the front. */
const publishedSample = () =>
  Float32Array.from({ length: 768 }, (_, i) => ((i % 192) * 4 + Math.floor(i / 192)) / 768);

/** The same from the end. */
const publishedNoise = () =>
  Float32Array.from({ length: 768 }, (_, i) => (767 - ((i % 192) * 4 + Math.floor(i / 192))) / 768);
