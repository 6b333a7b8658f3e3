import { expect, test } from 'vitest';
import { runInSmall } from './testing/run-in-small.ts';

/** A small run, on servers of its own; docs/reliability.md has the results of full ones. */
test('forty requests through six faults: none lost, none twice, none stuck', async () => {
  const options = ['--jobs', '40', '--faults', '6', '--seed', '7'];
  const { verdict, brokenOff, injected } = await runInSmall(...options);
  expect(brokenOff).toBeUndefined();
  expect(verdict).toMatchObject({ sent: 40, breaches: [] });
  expect(injected).toHaveLength(6);
  expect(injected.filter(({ problem }) => problem !== undefined)).toEqual([]);
}, 240_000);
