import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@darkroom/lifecycle';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { followWebhookSecrets } from './secrets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-secrets-'));
});
afterAll(() => rm(folder, { recursive: true }));

const load = async (text: string) => {
  const path = join(folder, 'secrets.json');
  await writeFile(path, text);
  return open(path);
};

const open = async (file: string) => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const opened = await followWebhookSecrets({ file, logger, intervalMs: 10 });
  onTestFinished(opened.stop);
  return opened.secrets;
};

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

it('tells the secrets of a tenant, and of no other', async () => {
  const secrets = await load(JSON.stringify({ mine: [secret, secret] }));
  expect(secrets('mine')).toEqual([secret, secret]);
  expect(secrets('another')).toEqual([]);
  expect(secrets('__proto__')).toEqual([]);
});

it('goes over to a changed file, through one that is bad', async () => {
  const other = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
  const secrets = await load(JSON.stringify({ mine: [secret] }));
  const path = join(folder, 'secrets.json');
  await writeFile(path, JSON.stringify({ mine: [other, secret] }));
  await vi.waitFor(() => expect(secrets('mine')).toEqual([other, secret]), 10_000);
  await writeFile(path, '{');
  await writeFile(path, JSON.stringify({ mine: [other] }));
  await vi.waitFor(() => expect(secrets('mine')).toEqual([other]), 10_000);
});

it.each([
  ['what is not JSON', `["${secret}"`, 'not JSON'],
  ['a list', `["${secret}"]`, 'the file: '],
  ['a tenant without a secret', '{"mine":[]}', 'mine: '],
  ['another form', '{"mine":["sk_secretsecretsecret"]}', 'mine[0]: must be whsec_ and base64'],
  ['a short secret', '{"mine":["whsec_c2hvcnQ="]}', 'mine[0]: must hold 24 to 64 bytes'],
])('refuses %s and repeats nothing of it', async (_, text, why) => {
  const refusal = await load(text).catch((error: Error) => error);
  expect(refusal).toMatchObject({ kind: 'configuration', message: expect.stringContaining(why) });
  expect(String(refusal)).not.toContain('whsec_c2hvcnQ');
  expect(String(refusal)).not.toContain('sk_secret');
});

it('refuses a file that is not there', async () => {
  await expect(open(join(folder, 'none'))).rejects.toThrow(
    'does not exist; set WEBHOOK_SECRETS_FILE',
  );
});
