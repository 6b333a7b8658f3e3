import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger } from '@darkroom/lifecycle';
import { expect, it, onTestFinished, vi } from 'vitest';
import { newKey } from './new-key.ts';
import { startCallers } from './start-callers.ts';

const silent = createLogger({ name: 'test', level: 'silent' });
const made = (id: string, tenant = 'acme') => newKey({ id, tenant, scopes: ['generations:read'] });
const bearer = ({ key }: { key: string }) => `Bearer ${key}`;

/** A folder as a Kubernetes Secret is mounted: the file is a link into a folder that is swapped. */
async function mountedSecret() {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-keys-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  let version = 0;
  const write = async (text: string) => {
    version += 1;
    await mkdir(join(folder, `..${version}`));
    await writeFile(join(folder, `..${version}`, 'keys.json'), text);
    await symlink(`..${version}`, join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
  };
  await write('{"keys":[]}');
  await symlink('..data/keys.json', join(folder, 'keys.json'));
  return {
    file: join(folder, 'keys.json'),
    write,
    hold: (keys: ReturnType<typeof newKey>[], rest: object = {}) =>
      write(JSON.stringify({ keys: keys.map(({ entry }) => entry), ...rest })),
  };
}

async function open(
  file: string | undefined,
  options: { anonymous?: boolean; log?: string[] } = {},
) {
  const { anonymous = false, log } = options;
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      log?.push(String(chunk));
      done();
    },
  });
  const logger = log === undefined ? silent : createLogger({ name: 'test', destination });
  const callers = await startCallers({ file, anonymous, logger, intervalMs: 10 });
  onTestFinished(callers.stop);
  return callers;
}

it('goes over to the keys of a changed file: the new one is let in, the old one is revoked', async () => {
  const secret = await mountedSecret();
  const [old, next] = [made('old'), made('next')];
  await secret.hold([old]);
  const callers = await open(secret.file);
  const { revoked, tenant, keyId } = callers.identify(bearer(old));
  expect({ tenant, keyId }).toEqual({ tenant: 'acme', keyId: 'old' });

  await secret.hold([old, next]);
  await vi.waitFor(() => expect(callers.identify(bearer(next)).keyId).toBe('next'));
  expect(revoked.aborted).toBe(false);
  await secret.hold([next]);
  await vi.waitFor(() => expect(revoked.aborted).toBe(true));
  expect(() => callers.identify(bearer(old))).toThrow('the API key is not valid');
});

it.each([
  ['no JSON', '{"keys": dk_secret', 'is not JSON'],
  ['nothing', '', 'is not JSON'],
  ['an unknown scope', '{"keys":[{"id":"a","tenant":"b","scopes":["all"],"sha256":""}]}', /scopes/],
  ['a tenant that is no folder', '{"keys":[],"tenants":{"../x":{}}}', /tenants/],
  ['an unknown field', '{"keys":[],"key":"dk_secret"}', /key/],
])('keeps its keys, and says why once, when the file becomes bad: %s', async (_, text, problem) => {
  const secret = await mountedSecret();
  const key = made('a');
  await secret.hold([key]);
  const log: string[] = [];
  const callers = await open(secret.file, { log });
  await secret.write(text);
  const complaints = () => log.filter((line) => line.includes('the API keys stay as they were'));
  await vi.waitFor(() => expect(complaints()).toHaveLength(1));
  expect(complaints()[0]).toMatch(problem);
  expect(log.join('')).not.toContain('dk_secret');
  expect(callers.identify(bearer(key)).revoked.aborted).toBe(false);

  await secret.hold([key, made('b')]);
  await vi.waitFor(() => expect(log.filter((line) => line.includes('keys read'))).toHaveLength(2));
  expect(complaints()).toHaveLength(1);
});

it('refuses to begin with a bad file, and names it', async () => {
  const secret = await mountedSecret();
  await secret.write('{"keys":[{"id":"a"}]}');
  await expect(open(secret.file)).rejects.toMatchObject({ kind: 'configuration' });
  await expect(open(secret.file)).rejects.toThrow(/keys\.json does not fit:\n.*keys\[0\]\.tenant/);
  await expect(open('/nowhere/keys.json')).rejects.toThrow('does not exist; set API_KEYS_FILE');
});

it('refuses to begin where nobody may call', async () => {
  await expect(open(undefined)).rejects.toThrow(/API_KEYS_FILE.*ALLOW_ANONYMOUS=1/);
});

it('lets the anonymous in only where that is switched on, and never with a wrong key', async () => {
  const secret = await mountedSecret();
  const key = made('a');
  await secret.hold([key]);
  const strict = await open(secret.file);
  expect(() => strict.identify(undefined)).toThrow('an API key is needed');
  const lenient = await open(secret.file, { anonymous: true });
  expect(lenient.identify(undefined)).toMatchObject({ tenant: 'default', keyId: null });
  expect(lenient.identify(bearer(key))).toMatchObject({ tenant: 'acme' });
  for (const wrong of [
    'Bearer dk_wrong',
    'Bearer ',
    'Basic eDp5',
    '',
    `bearer ${'x'.repeat(501)}`,
  ]) {
    expect(() => lenient.identify(wrong), wrong).toThrow(/not valid|not of the form/);
  }
  const anyone = await open(undefined, { anonymous: true });
  expect(anyone.identify('Bearer whatever')).toMatchObject({ tenant: 'default' });
});

it("tells a tenant's limits, each from the nearest place that names it", async () => {
  const secret = await mountedSecret();
  await secret.hold([made('a', 'acme'), made('b', 'bmce')], {
    defaults: { active: 7 },
    tenants: { acme: { watches: 3 } },
  });
  const { limitsOf } = await open(secret.file);
  expect(limitsOf('acme')).toEqual({ requestsPerMinute: 3_000, active: 7, watches: 3 });
  expect(limitsOf('bmce')).toEqual({ requestsPerMinute: 3_000, active: 7, watches: 200 });
  expect(limitsOf('default')).toBeUndefined();
});
