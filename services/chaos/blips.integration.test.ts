import { expect, test } from 'vitest';
import { runInSmall } from './testing/run-in-small.ts';

/** A small run of `npm run chaos -- --faults blips`, on servers of its own. */
test('cut connections take no run from a worker that can renew its lease', async () => {
  const load = ['--jobs', '4', '--pictures', '2', '--workers', '2'];
  const cuts = ['--cuts', '10', '--kinds', 'blip worker', '--kills', '0', '--seed', '317'];
  const report = await runInSmall('--faults', 'blips', ...load, ...cuts);
  expect(report.brokenOff).toBeUndefined();
  expect(report.verdict).toMatchObject({ sent: 4, accepted: 4, breaches: [] });
  expect(report.injected.filter(({ problem }) => problem === undefined)).toHaveLength(10);
  expect(report.leases?.attempts).toMatchObject({ spent: 0, killed: 0 });
}, 240_000);
