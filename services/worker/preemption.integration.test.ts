import { test } from 'vitest';
import { preempt } from './testing/preemption.ts';

/** The same moments again: `PREEMPTION_SEED=<the printed seed>`. */
const seed = Number(process.env.PREEMPTION_SEED ?? Date.now() % 1_000_000);

test('SIGTERM amid a picture: another worker goes on with it, to the same bits', async () => {
  // One that draws noise at every step, one that remembers the step before.
  const samplers = [{ scheduler: 'euler-ancestral' }, { scheduler: 'dpmpp-2m' }] as const;
  await preempt({ rounds: 2, samplers, seed });
}, 300_000);
