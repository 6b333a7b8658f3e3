import { test } from 'vitest';
import { killInferenceChildren, killWorkers } from './testing/kills.ts';

/** The same kills again: `KILL_SEED=<the printed seed>`. */
const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);

test('kill -9 on the worker at 6 random points: each request succeeds, once', async () => {
  await killWorkers({ count: 6, seed });
}, 900_000);

test('kill -9 on the inference child at 6 random points: each request succeeds, once', async () => {
  await killInferenceChildren({ count: 6, seed });
}, 900_000);
