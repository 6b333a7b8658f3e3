import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { removeFolder, temporaryFolder } from '../servers/program.ts';
import { oneAtATime } from './one-at-a-time.ts';

test('who comes second waits for the end of the first', async () => {
  const folder = temporaryFolder('lock');
  const lock = join(folder, 'lock');
  const happened: string[] = [];
  const once = (name: string) =>
    oneAtATime(lock, async () => {
      happened.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      happened.push(`${name} ends`);
    });
  await Promise.all([once('a'), once('b')]);
  expect(happened).toHaveLength(4);
  expect(happened[0]?.split(' ')[0]).toBe(happened[1]?.split(' ')[0]);
  expect(existsSync(lock)).toBe(false);
  await removeFolder(folder);
});

test('a process that was killed holds nobody up', async () => {
  const folder = temporaryFolder('lock');
  const lock = join(folder, 'lock');
  const { pid } = spawnSync(process.execPath, ['--version']);
  writeFileSync(lock, String(pid));
  await expect(oneAtATime(lock, async () => 'run')).resolves.toBe('run');
  await removeFolder(folder);
});

test('it gives way after a failure, too', async () => {
  const folder = temporaryFolder('lock');
  const lock = join(folder, 'lock');
  await expect(
    oneAtATime(lock, async () => {
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(existsSync(lock)).toBe(false);
  await removeFolder(folder);
});
