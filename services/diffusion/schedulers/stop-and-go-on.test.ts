import { describe, expect, it } from 'vitest';
import { decodeRunState, encodeRunState } from '../pipelines/run-state-bytes.ts';
import { nextUint32, seedMt19937 } from '../random/mt19937.ts';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { algorithms } from './algorithms.ts';
import { createScheduler, type SchedulerChoice } from './create-scheduler.ts';
import type { Scheduler } from './scheduler.ts';
import { parseSchedulerConfig } from './scheduler-config.ts';

const SIZE = 40;
/** Random points to stop at, for each name. */
const ROUNDS = 40;

/** Settings that change what is remembered. */
const configs: Record<string, unknown>[] = [
  { skip_prk_steps: true },
  { solver_order: 3 },
  { use_karras_sigmas: true, solver_type: 'heun' },
  { prediction_type: 'v_prediction', steps_offset: 1 },
  { solver_order: 3, thresholding: true, use_beta_sigmas: true },
  { algorithm_type: 'dpmsolver', final_sigmas_type: 'sigma_min' },
];

describe('a run stopped after any call goes on elsewhere to the same bits', () => {
  it.each(algorithms.map(({ name }) => name))('%s', (name) => {
    const words = seedMt19937(algorithms.findIndex((algorithm) => algorithm.name === name));
    const below = (limit: number) => nextUint32(words) % limit;
    for (let round = 0; round < ROUNDS; round++) {
      const config = configs[below(configs.length)]!;
      const choice = {
        name,
        steps: 4 + below(20),
        ...(below(3) === 0 && { strength: 0.5 + below(5) / 10, spreadsSteps: below(2) === 0 }),
      };
      const seed = below(1_000);
      const when = JSON.stringify({ config, choice, seed });

      const whole = start(config, choice, seed);
      const calls = whole.scheduler.timesteps.length - whole.scheduler.begin;
      const stop = 1 + below(calls);
      for (let done = 0; done < stop; done++) takeStep(whole, done);
      const resumed = goOn(config, choice, whole, stop, calls);
      for (let done = stop; done < calls; done++) {
        takeStep(whole, done);
        takeStep(resumed, done);
      }
      expect(Buffer.from(resumed.sample.buffer), when).toEqual(Buffer.from(whole.sample.buffer));
      expect(resumed.random.state(), when).toEqual(whole.random.state());
    }
  });
});

it('two runs side by side do not touch each other', () => {
  for (const { name } of algorithms) {
    const choice = { name, steps: 8 };
    const alone = start({}, choice, 5);
    const calls = alone.scheduler.timesteps.length;
    for (let done = 0; done < calls; done++) takeStep(alone, done);

    const company = start({ prediction_type: 'v_prediction' }, { ...choice, steps: 11 }, 9);
    const again = start({}, choice, 5);
    for (let done = 0; done < calls; done++) {
      takeStep(company, done);
      takeStep(again, done);
    }
    expect(again.sample, name).toEqual(alone.sample);
  }
});

type RunInTest = {
  scheduler: Scheduler;
  random: ReturnType<typeof createTorchGenerator>;
  sample: Float32Array;
};
type Choice = Omit<SchedulerChoice, 'random'>;

function start(config: Record<string, unknown>, choice: Choice, seed: number): RunInTest {
  const random = createTorchGenerator(seed);
  const scheduler = createScheduler(parseSchedulerConfig(config), { ...choice, random });
  const sample = new Float32Array(SIZE);
  random.randn(sample);
  return { scheduler, random, sample: sample.map((x) => x * scheduler.initialNoiseSigma) };
}

/** As another process does: from the bytes of the run state alone. */
function goOn(
  config: Record<string, unknown>,
  choice: Choice,
  { scheduler: stopped, random: generator, sample: latents }: RunInTest,
  step: number,
  steps: number,
): RunInTest {
  const history = stopped.history();
  const saved = encodeRunState({ step, steps, latents, random: generator.state(), history });
  const state = decodeRunState(saved);
  const random = createTorchGenerator(state.random);
  const scheduler = createScheduler(parseSchedulerConfig(config), { ...choice, random });
  scheduler.restore(state.history);
  return { scheduler, random, sample: state.latents.slice() };
}

function takeStep({ scheduler, sample }: RunInTest, done: number): void {
  const call = scheduler.begin + done;
  const t = scheduler.timesteps[call]!;
  const output = new Float32Array(SIZE);
  scheduler.scaleModelInput(call, sample, output);
  scheduler.step(
    call,
    output.map((x) => x * (t / 1000) + Math.sin(x)),
    sample,
  );
}
