import { readFile } from 'node:fs/promises';
import { DarkroomError } from '@darkroom/contract';
import { z } from 'zod';
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

/**
 * Reads `WEBHOOK_SECRETS_FILE`: by tenant a list of secrets, of which each signs.
 *
 * @throws DarkroomError (`configuration`) that names the file and everything wrong with it; the
 *   secrets themselves are never repeated
 */
export async function loadWebhookSecrets(path: string): Promise<WebhookSecrets> {
  const wrong = (what: string, cause?: unknown) =>
    new DarkroomError('configuration', `the webhook secrets ${path} ${what}`, { cause });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw wrong(`cannot be read (${error.code}); set WEBHOOK_SECRETS_FILE to a JSON file`, error);
  });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // Its message would repeat a part of the file.
    throw wrong('are not JSON; write {"TENANT": ["whsec_…"]}');
  }
  const { success, data, error } = secretsFile.safeParse(content);
  if (!success) {
    const problems = error.issues.map(
      (issue) => `  ${z.core.toDotPath(issue.path) || 'the file'}: ${issue.message}`,
    );
    throw wrong(`do not fit:\n${problems.join('\n')}`);
  }
  const byTenant = new Map(Object.entries(data));
  return (tenant) => byTenant.get(tenant) ?? [];
}
