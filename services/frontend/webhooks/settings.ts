import type { Logger } from '@darkroom/lifecycle';
import { followWebhookSecrets, type WebhookSecrets } from './secrets.ts';
import type { TargetPolicy } from './target.ts';

/** Who may ask for webhooks, and where these may go. */
export type WebhookSettings = TargetPolicy & { secrets: WebhookSecrets };

/**
 * What the environment says of webhooks; without a file of secrets none are taken.
 *
 * @throws DarkroomError (`configuration`)
 */
export async function readWebhookSettings(options: {
  file: string | undefined;
  allowPrivate: boolean;
  logger: Logger;
}): Promise<(WebhookSettings & { stop(): Promise<void> }) | undefined> {
  const { file, allowPrivate, logger } = options;
  if (file === undefined) return undefined;
  if (allowPrivate) {
    logger.warn('webhooks go to private addresses and over http too: for development alone');
  }
  return { ...(await followWebhookSecrets({ file, logger })), allowPrivate };
}
