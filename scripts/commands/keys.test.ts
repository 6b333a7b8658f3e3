import { createHash } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { darkroom } from './testing/darkroom.ts';

vi.setConfig({ testTimeout: 60_000 });

test('prints a key once and the entry that knows it, which does not tell it', async () => {
  const args = ['--tenant', 'acme', '--scopes', 'generations:read,system:read', '--id', 'ci'];
  const { code, stdout, stderr } = await darkroom(['keys', 'create', ...args]);
  expect(code).toBe(0);
  const [key = '', entry = ''] = stdout.trim().split('\n');
  expect(key).toMatch(/^dk_[\w-]{43}$/);
  expect(JSON.parse(entry)).toEqual({
    id: 'ci',
    tenant: 'acme',
    scopes: ['generations:read', 'system:read'],
    sha256: createHash('sha256').update(key).digest('hex'),
  });
  expect(stderr).toContain('API_KEYS_FILE');
});

test.each([
  ['no tenant', [], /tenant/],
  ['a tenant that is no folder', ['--tenant', '../x'], /tenant must be lower-case letters/],
  ['an unknown scope', ['--tenant', 'a', '--scopes', 'all'], /generations:write/],
  ['an end that is no time', ['--tenant', 'a', '--not-after', 'soon'], /notAfter/],
])('refuses %s', async (_, args, problem) => {
  const { code, stdout, stderr } = await darkroom(['keys', 'create', ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(problem);
});
