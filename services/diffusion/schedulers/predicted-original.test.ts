import { expect, it } from 'vitest';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { arrayParity } from '../test/fixtures.ts';
import { algorithms } from './algorithms.ts';
import { createScheduler } from './create-scheduler.ts';
import { predictedOriginal, predictionTypeOf } from './predicted-original.ts';
import { parseSchedulerConfig } from './scheduler-config.ts';

const random = createTorchGenerator(5);
const normal = () => {
  const values = new Float32Array(64);
  random.randn(values);
  return values;
};

const names = algorithms.map(({ name }) => name);

it.each([...new Set(names)])('is the original where %s asks a model that is right', (name) => {
  const isFlow = name === 'flow-match-euler';
  const types = isFlow ? [undefined] : (['epsilon', 'v_prediction'] as const);
  for (const prediction_type of types) {
    const config = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' };
    const scheduler = createScheduler(
      parseSchedulerConfig({ ...config, ...(prediction_type && { prediction_type }) }),
      { name, steps: 8, random: createTorchGenerator(0) },
    );
    const [original, noise] = [normal(), normal()];
    for (const call of [0, 3, 5]) {
      const sample = new Float32Array(64);
      scheduler.addNoise(original, noise, call, sample);
      const level = new Float32Array(2);
      scheduler.addNoise(Float32Array.of(1, 0), Float32Array.of(0, 1), call, level);
      const scale = isFlow ? 1 : Math.hypot(level[0]!, level[1]!);
      const [alpha, sigma] = [level[0]! / scale, level[1]! / scale];
      const modelOutput = original.map((x, i) => {
        if (isFlow) return noise[i]! - x;
        return prediction_type === 'epsilon' ? noise[i]! : alpha * noise[i]! - sigma * x;
      });
      const type = predictionTypeOf({ prediction_type });
      const predicted = predictedOriginal(scheduler, type, call, { sample, modelOutput });
      expect(arrayParity(predicted, original)).toBeLessThan(1e-3);
    }
  }
});
