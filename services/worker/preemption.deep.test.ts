import { test } from 'vitest';
import { preempt, samplers } from './testing/preemption.ts';

/** The same moments again: `PREEMPTION_SEED=<the printed seed>`. */
const seed = Number(process.env.PREEMPTION_SEED ?? Date.now() % 1_000_000);

test('SIGTERM amid a picture, 50 times over all schedulers: gone on with to the same bits', async () => {
  await preempt({ rounds: 50, samplers, seed });
}, 3_600_000);
