import { loadWebhookSecrets, type WebhookSecrets } from './secrets.ts';
import type { TargetPolicy } from './target.ts';

/** Who may ask for webhooks, and where these may go. */
export type WebhookSettings = TargetPolicy & { secrets: WebhookSecrets };

type Variables = {
  WEBHOOK_SECRETS_FILE?: string | undefined;
  WEBHOOK_ALLOW_PRIVATE: boolean;
};

/**
 * What a process's variables say of webhooks; without a file of secrets none are taken.
 *
 * @throws DarkroomError (`configuration`)
 */
export async function webhookSettings(config: Variables): Promise<WebhookSettings | undefined> {
  const { WEBHOOK_SECRETS_FILE: path, WEBHOOK_ALLOW_PRIVATE: allowPrivate } = config;
  if (path === undefined) return undefined;
  return { secrets: await loadWebhookSecrets(path), allowPrivate };
}
