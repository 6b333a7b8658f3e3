import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { expect, onTestFinished, test } from 'vitest';
import { exec } from './exec.ts';

const node = (script: string, options: Parameters<typeof exec>[2] = {}) =>
  exec(process.execPath, ['-e', script], options);

test('a program that fails is told of with its last words and its exit code', async () => {
  await expect(node('console.error("no such thing"); process.exit(3)')).rejects.toMatchObject({
    message: expect.stringContaining('no such thing'),
    code: 3,
  });
});

test('who ends a program is told so when it has ended, and not before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-exec-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'cleared-up');
  const clearsUp = `
    process.on('SIGTERM', () => setTimeout(() => {
      require('node:fs').writeFileSync(${JSON.stringify(file)}, '');
      process.exit(0);
    }, 300));
    console.log('ready');
    setInterval(() => {}, 1000);
  `;
  const ending = new AbortController();
  const ended = node(clearsUp, {
    signal: ending.signal,
    onLine: () => ending.abort(new Error('enough')),
  });
  await expect(ended).rejects.toThrow('enough');
  expect(existsSync(file)).toBe(true);
});

test('a program that is not there is told of', async () => {
  await expect(exec('/no/such/program', [])).rejects.toThrow(/no.such.program.*ENOENT/);
});
