import { type Logger, readJsonFile } from '@darkroom/lifecycle';
import { z } from 'zod';
import { followFile } from '../follow-file.ts';
import { SECRET_PREFIX } from './sign.ts';

/** The secrets that a tenant's webhooks are signed with; none where it has none. */
export type WebhookSecrets = (tenant: string) => readonly string[];

const bytesOf = (secret: string) =>
  Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64').byteLength;

/** As Standard Webhooks asks: 24 to 64 random bytes. */
const secret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'must be whsec_ and base64')
  .refine((text) => bytesOf(text) >= 24 && bytesOf(text) <= 64, 'must hold 24 to 64 bytes');

const secretsFile = z.record(z.string(), z.array(secret).min(1));

type SecretsFile = z.infer<typeof secretsFile>;

/**
 * The secrets of `WEBHOOK_SECRETS_FILE`: by tenant a list, of which each signs. Read again whenever
 * the file changes, so that they are rotated without a restart.
 *
 * @throws DarkroomError (`configuration`) that names the file and everything wrong with it; the
 *   secrets themselves are never repeated
 */
export async function followWebhookSecrets(options: {
  file: string;
  logger: Logger;
  /** Between two looks at the file. */
  intervalMs?: number;
}): Promise<{ secrets: WebhookSecrets; stop(): Promise<void> }> {
  const { file, logger, intervalMs } = options;
  let byTenant = new Map<string, readonly string[]>();
  const { stop } = await followFile({
    read: () => readSecretsFile(file),
    use: (content) => {
      byTenant = new Map(Object.entries(content));
    },
    complaint: 'the webhook secrets stay as they were',
    logger,
    intervalMs,
  });
  return { secrets: (tenant) => byTenant.get(tenant) ?? [], stop };
}

const readSecretsFile = (path: string): Promise<{ text: string; content: SecretsFile }> =>
  readJsonFile({
    path,
    schema: secretsFile,
    name: 'the webhook secrets file',
    remedy: 'set WEBHOOK_SECRETS_FILE to a JSON file such as {"TENANT": ["whsec_…"]}',
    isSecret: true,
  });
