import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isInstalled, recordInstalled } from './is-installed.js';

const zod = { version: '4.0.0', integrity: 'sha512-z' };
const forOthers = { version: '1.0.0', optional: true, os: ['nowhere'], cpu: [process.arch] };
const forUs = { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] };

let root: string;

/** Writes the lock file of a project, and npm's list of what it installed. */
function write(wanted: object, present?: object): void {
  const put = (file: string, packages: object) =>
    writeFileSync(join(root, file), JSON.stringify({ packages }));
  put('package-lock.json', { '': {}, ...wanted });
  if (present !== undefined) put('node_modules/.package-lock.json', present);
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-install-'));
  await mkdir(join(root, 'node_modules'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('what npm ci installed is not installed again', () => {
  write({ 'node_modules/zod': zod, 'node_modules/a': forOthers }, { 'node_modules/zod': zod });
  expect(isInstalled(root)).toBe(true);
});

test.each([
  ['nothing is installed', { zod }, undefined],
  ['a package is missing', { zod, a: { version: '1.0.0' } }, { zod }],
  ['a version differs', { zod }, { zod: { ...zod, version: '3.0.0' } }],
  ['a checksum differs', { zod }, { zod: { ...zod, integrity: 'sha512-y' } }],
  ['an optional package for this machine is missing', { zod, a: forUs }, { zod }],
])('packages are to be installed where %s', (_, wanted, present) => {
  write(wanted, present);
  expect(isInstalled(root)).toBe(false);
});

test('an installation of ours counts until the lock file changes', () => {
  write({ a: forUs }, {});
  recordInstalled(root);
  expect(isInstalled(root)).toBe(true);
  write({ a: forUs, zod }, {});
  expect(isInstalled(root)).toBe(false);
});
