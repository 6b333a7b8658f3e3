import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const run = promisify(execFile);
const fillDisk = join(import.meta.dirname, '..', 'testing', 'fill-disk.ts');
/** Linux: a mount of its own for one process, root or not, that goes with the process. */
const unshare = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-full-disk-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function onSmallDisk(...command: string[]): Promise<string> {
  const [program = '', ...args] = unshare;
  const script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"';
  return (await run(program, [...args, script, folder, ...command])).stdout;
}

test('a full disk is unavailable with the remedy, and leaves nothing half-written', async (context) => {
  const possible = await onSmallDisk('true').then(
    () => true,
    () => false,
  );
  if (!possible) {
    console.warn(
      'full disk: NOT RUN: no small disk can be mounted here. It needs Linux with user namespaces ' +
        '(`sysctl kernel.unprivileged_userns_clone=1`; in Docker `--security-opt seccomp=unconfined`).',
    );
    context.skip();
  }
  const report = JSON.parse(await onSmallDisk(process.execPath, fillDisk, folder));
  expect(report.stored.length).toBeGreaterThan(3);
  expect(report.kind).toBe('unavailable');
  expect(report.message).toContain('the disk is full: free some space');
  expect(report.listed).toEqual([...report.stored].sort());
  expect(report.files).toBe(report.stored.length);
  expect(report.afterFreeing).toBe('stored');
});
