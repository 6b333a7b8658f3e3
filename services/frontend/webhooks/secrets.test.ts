import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadWebhookSecrets } from './secrets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-secrets-'));
});
afterAll(() => rm(folder, { recursive: true }));

const load = async (text: string) => {
  const path = join(folder, 'secrets.json');
  await writeFile(path, text);
  return loadWebhookSecrets(path);
};

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

it('tells the secrets of a tenant, and of no other', async () => {
  const secrets = await load(JSON.stringify({ mine: [secret, secret] }));
  expect(secrets('mine')).toEqual([secret, secret]);
  expect(secrets('another')).toEqual([]);
  expect(secrets('__proto__')).toEqual([]);
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
  await expect(loadWebhookSecrets(join(folder, 'none'))).rejects.toThrow(
    'cannot be read (ENOENT); set WEBHOOK_SECRETS_FILE',
  );
});
