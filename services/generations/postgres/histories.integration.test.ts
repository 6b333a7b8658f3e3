import { inject, test } from 'vitest';
import { judgedHistories } from '../testing/judged-histories.ts';

/** The same histories again, as far as their races fall alike: `HISTORIES_SEED=<the printed seed>`. */
const seed = Number(process.env.HISTORIES_SEED ?? Date.now() % 1_000_000);

test('100 histories at the same time take no illegal edge, and all add up', async () => {
  await judgedHistories(inject('databaseUrl'), { count: 100, seed });
});
