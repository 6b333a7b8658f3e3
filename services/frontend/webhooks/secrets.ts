import { readFile } from 'node:fs/promises';
import { DarkroomError } from '@darkroom/contract';
import type { Logger } from '@darkroom/lifecycle';
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
 * The secrets of `WEBHOOK_SECRETS_FILE`: by tenant a list, of which each signs. Read anew whenever
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

async function readSecretsFile(path: string): Promise<{ text: string; content: SecretsFile }> {
  const wrong = (what: string, cause?: unknown) =>
    new DarkroomError('configuration', `the webhook secrets ${path} ${what}`, { cause });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw wrong(`cannot be read (${error.code}); set WEBHOOK_SECRETS_FILE to a JSON file`, error);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Its message would repeat a part of the file.
    throw wrong('are not JSON; write {"TENANT": ["whsec_…"]}');
  }
  const { success, data, error } = secretsFile.safeParse(json);
  if (!success) {
    const problems = error.issues.map(
      (issue) => `  ${z.core.toDotPath(issue.path) || 'the file'}: ${issue.message}`,
    );
    throw wrong(`do not fit:\n${problems.join('\n')}`);
  }
  return { text, content: data };
}
