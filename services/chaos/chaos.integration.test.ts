import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Report } from './report.ts';

/** A run in small, on servers of its own; what a full one does is told in docs/reliability.md. */
test('forty requests through six faults: none lost, none twice, none stuck', async () => {
  const program = fileURLToPath(new URL('./main.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, '--json', '--jobs', '40', '--faults', '6', '--seed', '7'],
    { maxBuffer: 2 ** 24 },
  ).catch((failed: { stdout: string }) => failed);
  const { verdict, brokenOff, injected }: Report = JSON.parse(stdout);
  expect(brokenOff).toBeUndefined();
  expect(verdict).toMatchObject({ sent: 40, breaches: [] });
  expect(injected).toHaveLength(6);
  expect(injected.filter(({ problem }) => problem !== undefined)).toEqual([]);
}, 240_000);
