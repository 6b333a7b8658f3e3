import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireOwnerLock, isOwned, readOwner } from './owner-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-owner-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process of its own that takes the lock and keeps it. */
async function startOwner() {
  const program = `
    import { acquireOwnerLock } from ${JSON.stringify(join(import.meta.dirname, 'owner-lock.ts'))};
    const lock = acquireOwnerLock(${JSON.stringify(folder)});
    lock.announce('http://127.0.0.1:1');
    console.log('owned');
    // Holds on to the lock, which garbage collection would let go.
    setInterval(() => lock, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  });
  await once(createInterface(child.stdout), 'line');
  return child;
}

test('a folder has one owner at a time, and the refusal names it', () => {
  const lock = acquireOwnerLock(folder);
  lock.announce('http://127.0.0.1:8080');
  expect(isOwned(folder)).toBe(true);
  expect(() => acquireOwnerLock(folder)).toThrow(
    new RegExp(`served by process ${process.pid} at http://127.0.0.1:8080.*--data-dir`),
  );

  lock.release();
  expect(isOwned(folder)).toBe(false);
  expect(readOwner(folder)).toBeUndefined();
  acquireOwnerLock(folder).release();
});

test('kill -9 on the owner frees the folder at once, whatever owner.json still says', async () => {
  const owner = await startOwner();
  try {
    expect(isOwned(folder)).toBe(true);
    expect(readOwner(folder)).toEqual({ pid: owner.pid, url: 'http://127.0.0.1:1' });
  } finally {
    owner.kill('SIGKILL');
    await once(owner, 'exit');
  }
  expect(isOwned(folder)).toBe(false);

  const lock = acquireOwnerLock(folder);
  expect(readOwner(folder)).toBeUndefined();
  lock.release();
});

test('to look whether a folder is owned does not make it', () => {
  expect(isOwned(join(folder, 'typo'))).toBe(false);
  expect(isOwned(folder)).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder that cannot be made is refused with the remedy', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(() => acquireOwnerLock(join(file, 'data'))).toThrow(/cannot be used.*--data-dir/);
});
